"""Answers in SOAP: their body, and faults as the hub's errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ucv import NotSupported, ProtocolError
from ucv.wire import MediaError, parse_xml, xml_text

#: Bytes of an answer: profiles of a recorder with 64 channels take about 1 MB.
MAX_ANSWER = 4 * 1024 * 1024

#: Subcodes of faults that refuse the login (ONVIF Core Specification, 5.11.2.2; WS-Security 1.1,
#: section 12). Devices write them with any prefix.
_REFUSALS = frozenset(
    {"notauthorized", "failedauthentication", "invalidsecurity", "invalidsecuritytoken"}
)
_EXPIRED = frozenset({"messageexpired"})
#: Subcodes for what a device does not have.
_MISSING = frozenset(
    {
        "actionnotsupported",
        "optionalactionnotimplemented",
        "notimplemented",
        "noptzprofile",
        "noimagingforsource",
        "nohomeposition",
        "ptznotsupported",
    }
)
#: What servers say that have no subcode for it.
_MISSING_WORDS = ("not supported", "not implemented")
_REFUSAL_WORDS = ("not authorized", "unauthorized", "not authorised")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a device refused: local names of all its codes in lower case, and its own words."""

    codes: tuple[str, ...]
    reason: str

    @property
    def is_refusal(self) -> bool:
        """Whether the login was refused, or the account may not do this: many say the same."""
        known = _REFUSALS.intersection(self.codes) or _EXPIRED.intersection(self.codes)
        return bool(known) or any(word in self.reason.casefold() for word in _REFUSAL_WORDS)

    @property
    def is_expired(self) -> bool:
        """Whether the time in the message was not to the device's liking."""
        return bool(_EXPIRED.intersection(self.codes))


class FaultError(ProtocolError):
    """The camera refused a request."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        said = f": {fault.reason}" if fault.reason else "."
        super().__init__(
            f"The camera refused this{said}",
            details={"codes": list(fault.codes), "reason": fault.reason},
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: ``body`` is the element within the SOAP body, without namespaces.

    ``raw`` is what came, for who needs namespaces.
    """

    body: Element
    raw: bytes = field(repr=False)


def read(data: bytes) -> Answer | Fault:
    """Return what an answer holds; raises `ProtocolError` for what is no SOAP."""
    try:
        root = parse_xml(data, limit=MAX_ANSWER)
    except MediaError as error:
        raise ProtocolError(f"The camera's answer cannot be read: {error}") from None
    body = root.find("Body")
    if root.tag != "Envelope" or body is None:
        raise ProtocolError("The camera's answer is not SOAP.")
    content = next(iter(body), None)
    if content is None:
        # Some firmware says "done" with an empty body.
        return Answer(Element("Empty"), data)
    if content.tag == "Fault":
        return _fault(content)
    return Answer(content, data)


def error_of(fault: Fault) -> FaultError | NotSupported:
    """Return the hub's error for a fault that is not about the login."""
    missing = any(word in fault.reason.casefold() for word in _MISSING_WORDS)
    if missing or _MISSING.intersection(fault.codes):
        return NotSupported(
            "The camera cannot do this.",
            details={"codes": list(fault.codes), "reason": fault.reason},
        )
    return FaultError(fault)


def _fault(element: Element) -> Fault:
    codes = [_local(one) for one in _codes(element)]
    reason = xml_text(element, "Reason/Text") or xml_text(element, "faultstring")
    printable = "".join(letter if letter.isprintable() else " " for letter in reason)
    return Fault(tuple(code for code in codes if code)[:8], printable.strip()[:200])


def _codes(element: Element) -> Iterator[str]:
    """Yield the codes of SOAP 1.2, from the outside in, or that of SOAP 1.1."""
    for value in element.iterfind("Code//Value"):
        yield value.text or ""
    yield xml_text(element, "faultcode")
    # Some put it into the detail.
    for name in ("Value", "subcode"):
        for value in element.iterfind(f"Detail//{name}"):
            yield value.text or ""


def _local(code: str) -> str:
    return code.strip().rpartition(":")[2].casefold()[:64]


def texts(element: Element, path: str) -> list[str]:
    """Return the texts at a path, without blanks around them and without empty ones."""
    return [text for one in element.iterfind(path) if (text := (one.text or "").strip())]


def number_at(element: Element, path: str) -> float:
    """Return the number at a path, 0 if there is none."""
    try:
        value = float(xml_text(element, path))
    except ValueError:
        return 0.0
    return value if 0.0 <= value < 1e9 else 0.0


def flag(text: str) -> bool | None:
    """Return whether a device's word means yes; None if it says nothing.

    Devices say ``true``, ``1`` and ``active``.
    """
    word = text.strip().casefold()
    if not word:
        return None
    return word in ("true", "1", "active", "on", "yes")
