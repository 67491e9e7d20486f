"""The command line, ``ucv``."""

from ucv.cli.app import main

__all__ = ["main"]
