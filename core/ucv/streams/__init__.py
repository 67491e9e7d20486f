"""From a camera's socket to the viewers: sources, the live stream with its ring, health."""
