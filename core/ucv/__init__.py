"""Universal Camera Viewer: a camera hub that third parties extend."""

__version__ = "0.1.0"
