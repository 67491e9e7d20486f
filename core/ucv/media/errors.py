"""What the parsers raise for bytes they cannot accept."""


class MediaError(ValueError):
    """The bytes do not follow the format; the message says which rule and where."""


class UnsupportedMedia(MediaError):
    """The stream is well-formed, but of a codec or packetization that this package cannot read."""
