"""Day and night, and the lamp, of a Hikvision camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from ucv.testing.hikvision.documents import element
from ucv.testing.hikvision.isapi_server import Refusal, Reply, Rule
from ucv.testing.hikvision.settings import Settings
from ucv.testing.hikvision.unit import Unit
from ucv.testing.http_message import Request

_FILTER_TYPES = ("auto", "day", "night", "schedule")
_SPELLINGS: Mapping[str, str] = {"ircut-capital": "IrcutFilter", "ircut-lower": "ircutfilter"}


class ImagePaths:
    """Answers under ``/Image/channels/{}``."""

    def __init__(self, unit: Unit, settings: Settings) -> None:
        self._unit = unit
        self._settings = settings

    def rules(self) -> list[Rule]:
        """Return what it answers."""
        light = "/Image/channels/{}/supplementLight"
        filters = []
        for spelling in ("ircutFilter", *_SPELLINGS.values()):
            path = f"/Image/channels/{{}}/{spelling}"
            filters += [
                Rule("GET", path, self._filter),
                Rule("PUT", path, self._set_filter),
                Rule("GET", f"{path}/capabilities", self._filter_choices),
            ]
        return [
            *filters,
            Rule("GET", light, self._light),
            Rule("PUT", light, self._set_light),
            Rule("GET", f"{light}/capabilities", self._light_choices),
        ]

    # --- day and night --------------------------------------------------------------------------

    def _filter(self, request: Request, number: str) -> Element:
        spelled = next(
            (_SPELLINGS[quirk] for quirk in self._unit.quirks & _SPELLINGS.keys()), "ircutFilter"
        )
        if f"/{spelled}" not in request.path:
            raise Settings.missing()
        return self._stored(
            number,
            "IrcutFilter",
            {
                "IrcutFilterType": "auto",
                "nightToDayFilterLevel": 4,
                "nightToDayFilterTime": 5,
            },
        )

    def _set_filter(self, request: Request, number: str) -> Reply:
        return self._write(
            request, number, self._filter(request, number), "IrcutFilterType", _FILTER_TYPES
        )

    def _filter_choices(self, request: Request, number: str) -> Reply:
        return _choices(self._filter(request, number), "IrcutFilterType", _FILTER_TYPES)

    # --- the lamp -------------------------------------------------------------------------------

    def _modes(self) -> tuple[str, ...]:
        if "white-light" in self._unit.quirks:
            return ("irLight", "colorVuWhiteLight", "eventIntelligence", "close")
        return ("irLight", "close")

    def _light(self, _request: Request, number: str) -> Element:
        if "no-supplement-light" in self._unit.quirks:
            raise Refusal(4)
        return self._stored(
            number,
            "SupplementLight",
            {
                "supplementLightMode": "irLight",
                "mixedLightBrightnessRegulatMode": "auto",
                "irLightBrightness": 50,
            },
        )

    def _set_light(self, request: Request, number: str) -> Reply:
        return self._write(
            request, number, self._light(request, number), "supplementLightMode", self._modes()
        )

    def _light_choices(self, request: Request, number: str) -> Reply:
        return _choices(self._light(request, number), "supplementLightMode", self._modes())

    # --- documents ------------------------------------------------------------------------------

    def _stored(self, number: str, root: str, usual: Mapping[str, str | int]) -> Element:
        documents = self._settings.channel(number).documents
        if root not in documents:
            documents[root] = element(root, usual)
        return documents[root]

    def _write(
        self, request: Request, number: str, stored: Element, name: str, known: Sequence[str]
    ) -> Reply:
        def keep(document: Element) -> None:
            self._settings.channel(number).documents[stored.tag] = document

        def check(document: Element) -> None:
            Settings.one_of(document.findtext(name), known)

        return self._settings.write(request.body, stored, keep, check)


def _choices(document: Element, name: str, known: Sequence[str]) -> Element:
    """Return a document as its capabilities: what one element may be is in its ``opt``."""
    made = Element(document.tag)
    for child in document:
        copy = Element(child.tag)
        copy.text = child.text
        if child.tag == name:
            copy.set("opt", ",".join(known))
        made.append(copy)
    return made
