"""What the parsers raise for bytes they cannot accept."""


class MediaError(ValueError):
    """The bytes do not follow the format; the message says which rule and where."""
