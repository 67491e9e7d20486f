"""The version of the plugin interface, and the ranges plugins declare."""

from __future__ import annotations

import re

#: Version of the plugin interface (major, minor). Minor: something was added. Major: a plugin
#: written for the version before may need a change.
API_VERSION = (1, 2)

_CONDITION = re.compile(r"(>=|<=|==|!=|>|<)\s*(\d{1,6}(?:\.\d{1,6}){0,2})")


def satisfies(declared: str, version: tuple[int, ...] = API_VERSION) -> bool:
    """Say whether the version lies in a declared range such as ``>=1,<2`` or ``>=1.2``.

    Conditions are separated by commas and all must hold. Raises `ValueError` for anything else.
    """
    conditions = [_CONDITION.fullmatch(condition.strip()) for condition in declared.split(",")]
    if None in conditions:
        raise ValueError('an API range is written like ">=1,<2"')
    return all(_holds(match[1], match[2], version) for match in conditions if match)


def _holds(operator: str, number: str, version: tuple[int, ...]) -> bool:
    wanted = tuple(map(int, number.split(".")))
    length = max(len(wanted), len(version))
    left = version + (0,) * (length - len(version))
    right = wanted + (0,) * (length - len(wanted))
    return {
        ">=": left >= right,
        "<=": left <= right,
        ">": left > right,
        "<": left < right,
        "==": left == right,
        "!=": left != right,
    }[operator]
