"""The encrypted secrets store, and redaction of what is in it."""

from ucv.secrets.keys import KeyRing
from ucv.secrets.redaction import REDACTED, Redactor
from ucv.secrets.store import SecretRows, SecretStore

__all__ = ["REDACTED", "KeyRing", "Redactor", "SecretRows", "SecretStore"]
