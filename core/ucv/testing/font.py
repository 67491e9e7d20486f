"""A 5 by 7 dot-matrix font: enough letters to name a camera and to show a clock."""

from __future__ import annotations

import unicodedata

WIDTH = 5
HEIGHT = 7

# Five columns for each character; bit 0 is the top dot.
_COLUMNS = {
    " ": "0000000000",
    "!": "00005f0000",
    "#": "147f147f14",
    "%": "2313086462",
    "&": "3649562050",
    "'": "0008070300",
    "(": "001c224100",
    ")": "0041221c00",
    "+": "08083e0808",
    ",": "0080703000",
    "-": "0808080808",
    ".": "0000606000",
    "/": "2010080402",
    "0": "3e5149453e",
    "1": "00427f4000",
    "2": "7249494946",
    "3": "2141494d33",
    "4": "1814127f10",
    "5": "2745454539",
    "6": "3c4a494931",
    "7": "4121110907",
    "8": "3649494936",
    "9": "464949291e",
    ":": "0036360000",
    "?": "0201590906",
    "A": "7c1211127c",
    "B": "7f49494936",
    "C": "3e41414122",
    "D": "7f4141413e",
    "E": "7f49494941",
    "F": "7f09090901",
    "G": "3e41415173",
    "H": "7f0808087f",
    "I": "00417f4100",
    "J": "2040413f01",
    "K": "7f08142241",
    "L": "7f40404040",
    "M": "7f021c027f",
    "N": "7f0408107f",
    "O": "3e4141413e",
    "P": "7f09090906",
    "Q": "3e4151215e",
    "R": "7f09192946",
    "S": "2649494932",
    "T": "03017f0103",
    "U": "3f4040403f",
    "V": "1f2040201f",
    "W": "3f4038403f",
    "X": "6314081463",
    "Y": "0304780403",
    "Z": "6159494d43",
}
_UNKNOWN = _COLUMNS["?"]


def rows(text: str) -> list[list[bool]]:
    """Return the text as `HEIGHT` rows of dots, one empty column between characters.

    Case and accents are dropped; what the font lacks becomes a question mark.
    """
    plain = unicodedata.normalize("NFKD", text).upper()
    columns: list[int] = []
    for character in plain:
        if not unicodedata.combining(character):
            columns += bytes.fromhex(_COLUMNS.get(character, _UNKNOWN))
            columns.append(0)
    columns = columns[:-1]
    return [[bool(column >> row & 1) for column in columns] for row in range(HEIGHT)]
