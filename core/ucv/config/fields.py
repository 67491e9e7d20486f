"""Building blocks for the schemas of integrations.

A schema is a voluptuous mapping. The blocks in capitals are spread into one, and `describe` says
what a form shows of a key::

    schema = {
        **fields.HOST,
        **fields.CREDENTIALS,
        fields.describe(vol.Optional("channel", default=1), label="Channel"): fields.Integer(1, 64),
    }

Messages of these validators never repeat a value: it may be a password in the wrong place.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import voluptuous as vol

from ucv.config.description import describe

__all__ = [
    "CREDENTIALS",
    "HOST",
    "TLS",
    "TRANSPORT",
    "Boolean",
    "Fingerprint",
    "Host",
    "Integer",
    "Number",
    "Port",
    "Role",
    "Seconds",
    "Secret",
    "SecretText",
    "Select",
    "Text",
    "Url",
    "UrlText",
    "describe",
    "is_host",
]

#: Longest text, password and address, in characters.
MAX_TEXT = 1024
MAX_URL = 2048

_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_HUGE = 1e300
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_ESCAPE_HINT = (
    "give user name and password as fields of their own, or percent-encode their special characters"
)


class SecretText(str):
    """The value of a `Secret` field on its way to the secrets store; its repr shows nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


class UrlText(str):
    """The value of a `Url` field, without the credentials, which are beside it.

    ``username`` and ``password`` are decoded, and None where the address has none.
    """

    username: str | None = None
    password: str | None = None


class Text:
    """Text of one line, not empty. A number is refused: YAML would have changed ``0123``."""

    def __init__(self, max_length: int = MAX_TEXT) -> None:
        self.max_length = max_length

    def __call__(self, value: Any) -> str:
        """Return the text; raises `voluptuous.Invalid`."""
        if isinstance(value, (int, float)):
            raise vol.Invalid("expected text: put it in quotes")
        if not isinstance(value, str):
            raise vol.Invalid("expected text")
        if not value:
            raise vol.Invalid("must not be empty")
        if len(value) > self.max_length:
            raise vol.Invalid(f"must not be longer than {self.max_length} characters")
        if not value.isprintable():
            raise vol.Invalid("must be one line without control characters")
        return value


class Secret(Text):
    """Text that goes to the encrypted store and nowhere else: a password, a token.

    Never part of an entry's data, of an event, a log or an answer.
    """

    def __call__(self, value: Any) -> SecretText:
        """Return the text as a `SecretText`; raises `voluptuous.Invalid`."""
        return SecretText(super().__call__(value))


class Host(Text):
    """A host name or an address of IPv4 or IPv6, without brackets, port or scheme."""

    def __init__(self) -> None:
        super().__init__(max_length=255)

    def __call__(self, value: Any) -> str:
        """Return the host in lower case; raises `voluptuous.Invalid`."""
        text = super().__call__(value)
        if not is_host(text):
            raise vol.Invalid("expected a host name or IP address alone")
        return text.lower()


class Port:
    """A TCP or UDP port, 1 to 65535; digits in text are accepted, as `!env` gives them."""

    def __call__(self, value: Any) -> int:
        """Return the number; raises `voluptuous.Invalid`."""
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
            raise vol.Invalid("expected a port number from 1 to 65535")
        return value


class Integer:
    """A whole number within bounds (inclusive); digits in text will do, as `!env` gives."""

    def __init__(self, minimum: int | None = None, maximum: int | None = None) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def __call__(self, value: Any) -> int:
        """Return the number; raises `voluptuous.Invalid`."""
        number = value
        if isinstance(value, str) and value.isascii() and len(value) <= 20:
            digits = value.removeprefix("-")
            number = int(value) if digits.isdigit() else value
        if isinstance(number, bool) or not isinstance(number, int) or not _within(self, number):
            raise vol.Invalid(f"expected a whole number{_bounds(self)}")
        return number


class Number:
    """A number within bounds (inclusive); one in text is accepted, as `!env` gives it."""

    def __init__(self, minimum: float | None = None, maximum: float | None = None) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def __call__(self, value: Any) -> float:
        """Return the number; raises `voluptuous.Invalid`."""
        number = math.nan
        if isinstance(value, str):
            number = float(value) if _DECIMAL.fullmatch(value) else math.nan
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            # An integer may be too large to be a float.
            number = float(value) if abs(value) < _HUGE else math.nan
        if not math.isfinite(number) or not _within(self, number):
            raise vol.Invalid(f"expected a number{_bounds(self)}")
        return number


class Select:
    """One of several values: texts or whole numbers, with a label each if given as a mapping.

    A number may come as text, as `!env` gives it.
    """

    def __init__(self, options: Mapping[Any, str] | Iterable[Any]) -> None:
        labels = options if isinstance(options, Mapping) else {item: str(item) for item in options}
        #: Labels by value, in the order given.
        self.options: Mapping[str | int, str] = dict(labels)
        self._by_text: dict[str, str | int] = {str(option): option for option in self.options}

    def __call__(self, value: Any) -> str | int:
        """Return the value as it stands in ``options``; raises `voluptuous.Invalid`."""
        plain = isinstance(value, (str, int)) and not isinstance(value, bool)
        if not plain or str(value) not in self._by_text:
            raise vol.Invalid(f"expected one of {', '.join(self._by_text)}")
        return self._by_text[str(value)]


class Choices:
    """Some of several words, at least one, each once; with a label each if given as a mapping."""

    def __init__(self, options: Mapping[str, str] | Iterable[str]) -> None:
        #: Labels by value, in the order given.
        self.options: Mapping[str, str] = (
            dict(options) if isinstance(options, Mapping) else {item: item for item in options}
        )

    def __call__(self, value: Any) -> list[str]:
        """Return what was chosen in the order of ``options``; raises `voluptuous.Invalid`."""
        if not isinstance(value, (list, tuple)) or not value:
            raise vol.Invalid("expected a list with at least one of them")
        if unknown := [item for item in value if item not in self.options]:
            raise vol.Invalid(f"{str(unknown[0])[:64]} is none of {', '.join(self.options)}")
        return [option for option in self.options if option in value]


class Fingerprint:
    """The SHA-256 fingerprint of a certificate: 64 hexadecimal digits, with or without colons."""

    def __call__(self, value: Any) -> str:
        """Return it in lower case without colons; raises `voluptuous.Invalid`."""
        digits = value.replace(":", "").lower() if isinstance(value, str) else ""
        if not _FINGERPRINT.fullmatch(digits):
            raise vol.Invalid("expected a SHA-256 fingerprint of 64 hexadecimal digits, in quotes")
        return digits


class Boolean:
    """True or false; the words of YAML 1.1 (yes, no, on, off) are understood too."""

    _WORDS: Mapping[str, bool] = {
        "true": True,
        "yes": True,
        "on": True,
        "false": False,
        "no": False,
        "off": False,
    }

    def __call__(self, value: Any) -> bool:
        """Return the truth value; raises `voluptuous.Invalid`."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and (word := self._WORDS.get(value.lower())) is not None:
            return word
        raise vol.Invalid("expected true or false")


class Seconds:
    """A time span in seconds within bounds."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def __call__(self, value: Any) -> float:
        """Return the seconds; raises `voluptuous.Invalid`."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.minimum <= value <= self.maximum:
            raise vol.Invalid(
                f"expected a number of seconds from {self.minimum:g} to {self.maximum:g}"
            )
        return float(value)


class Role:
    """What a stream is for: "main", "sub" or another short word."""

    def __call__(self, value: Any) -> str:
        """Return the role; raises `voluptuous.Invalid`."""
        if not isinstance(value, str) or not _ROLE.fullmatch(value):
            raise vol.Invalid('expected a short word in lower case, such as "main" or "sub"')
        return value


class Url(Text):
    """An address with one of the given schemes; credentials in it are taken out.

    An ``@`` after the host is refused, since it may belong to a password with unencoded special
    characters, of which a part would otherwise be kept as a path. One that belongs to the path is
    written ``%40``.
    """

    def __init__(self, *schemes: str) -> None:
        super().__init__(max_length=MAX_URL)
        self.schemes = schemes

    def __call__(self, value: Any) -> UrlText:
        """Return the address as a `UrlText`; raises `voluptuous.Invalid`."""
        text = super().__call__(value)
        scheme, separator, rest = text.partition("://")
        scheme = scheme.lower()
        if not separator or not _SCHEME.fullmatch(scheme):
            raise vol.Invalid(f"expected an address such as {self._example()}")
        if scheme not in self.schemes:
            raise vol.Invalid(f"expected an address that starts with {self._starts()}")
        if " " in rest or "\\" in rest:
            raise vol.Invalid("the address has a character that must be percent-encoded")
        try:
            parts = urlsplit(f"{scheme}://{rest}")
            return _without_credentials(parts)
        except ValueError as error:  # brackets that do not match, a port that is no number
            raise vol.Invalid(f"the host or port is not valid; {_ESCAPE_HINT}") from error

    def _example(self) -> str:
        return f"{self.schemes[0]}://192.0.2.10/path"

    def _starts(self) -> str:
        return " or ".join(f"{scheme}://" for scheme in self.schemes)


def _without_credentials(parts: SplitResult) -> UrlText:
    userinfo, at, netloc = parts.netloc.rpartition("@")
    host = parts.hostname
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise vol.Invalid(f"an @ after the host is ambiguous; {_ESCAPE_HINT}, and write %40")
    if not host or not is_host(host) or parts.port == 0:
        raise ValueError
    url = UrlText(parts._replace(netloc=netloc).geturl())
    if at:
        username, colon, password = userinfo.partition(":")
        url.username = unquote(username) or None
        url.password = unquote(password) if colon else None
    return url


def is_host(text: str) -> bool:
    """Say whether the text is a host name (RFC 1123, or with letters of any script) or an address.

    An IPv6 address may have a zone (RFC 4007, section 11).
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        # All digits and dots, but no address: a mistyped one, which no resolver should be asked.
        numeric = all(label.isdigit() for label in labels)
        return len(text) <= 253 and not numeric and all(map(_LABEL.fullmatch, labels))
    return True


def _within(field: Integer | Number, value: float) -> bool:
    low, high = field.minimum, field.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _bounds(field: Integer | Number) -> str:
    low, high = field.minimum, field.maximum
    if low is None:
        return "" if high is None else f" of at most {high}"
    return f" of at least {low}" if high is None else f" from {low} to {high}"


#: Where a device is. Ports are those of its services, and only needed if they are not the usual.
HOST: Mapping[vol.Marker, Any] = {
    describe(
        vol.Required("host"),
        label="Host",
        help="Name or IP address of the device, without port.",
        placeholder="192.0.2.10",
    ): Host(),
    describe(
        "http_port",
        label="HTTP port",
        help="Only needed if it is not the usual one.",
        advanced=True,
    ): Port(),
    describe(
        "rtsp_port",
        label="RTSP port",
        help="Only needed if it is not 554.",
        placeholder="554",
        advanced=True,
    ): Port(),
}

#: How the device is logged in to; both can be left out for one that is open.
CREDENTIALS: Mapping[vol.Marker, Any] = {
    describe(
        "username",
        label="User name",
        help="The account on the device; leave it out if the device asks for none.",
    ): Text(),
    describe("password", label="Password", help="Kept in the encrypted store."): Secret(),
}

#: How RTP is carried: within the RTSP connection, or in datagrams.
TRANSPORT: Mapping[vol.Marker, Any] = {
    describe(
        "transport",
        label="Transport",
        help="How video travels: within the RTSP connection (TCP), or in datagrams (UDP).",
        advanced=True,
    ): Select({"tcp": "TCP", "udp": "UDP"})
}

#: For devices that speak HTTPS. The certificate must be vouched for by an authority this system
#: trusts, or have the fingerprint given: verification cannot be switched off.
TLS: Mapping[vol.Marker, Any] = {
    describe(
        "tls",
        label="HTTPS",
        help="Speak HTTPS with the device.",
        assumed=False,
        advanced=True,
    ): Boolean(),
    describe(
        "fingerprint",
        label="Certificate fingerprint",
        help="SHA-256 fingerprint of the device's own certificate, to trust exactly that one.",
        placeholder="ab:cd:…",
        advanced=True,
    ): Fingerprint(),
}
