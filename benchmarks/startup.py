"""How long a hub takes to start with many entries, and what they hold."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.processes import Child
from benchmarks.report import TIMES, Row
from benchmarks.scale import Progress, Scale

#: Least that a difference of two times counts as, in seconds: less is noise.
_NOISE = 1e-3

#: What `startup_process` tells of one start.
Start = dict[str, float]


def run(scale: Scale, progress: Progress) -> list[Row]:
    """Start with few, half and all entries in turn; each first with new ones, then with stored."""
    few, many = scale.entries[0], scale.entries[-1]
    first: dict[int, list[Start]] = {size: [] for size in scale.entries}
    second: dict[int, list[Start]] = {size: [] for size in scale.entries}
    deaf: list[Start] = []
    for pair in range(scale.pairs):
        for size in scale.entries:
            progress(f"start: {size} entries, round {pair + 1} of {scale.pairs}")
            with tempfile.TemporaryDirectory() as folder:
                _configure(Path(folder), size, "virtual")
                first[size].append(_start(folder))
                second[size].append(_start(folder))
        with tempfile.TemporaryDirectory() as folder:
            _configure(Path(folder), many, "deaf")
            deaf.append(_start(folder))
    rows: list[Row] = []
    for name, starts in (("new", first), ("stored", second)):
        rows += _rows(name, starts, scale)
    against = [
        dead["served"] / start["served"] for dead, start in zip(deaf, first[many], strict=True)
    ]
    rows.append(
        Row(
            f"start with {many:,} cameras that never answer",
            median(against),
            TIMES,
            1.3,
            "the same with cameras that answer at once",
            note=f"until the first request is answered; {_of(deaf, 'served'):.2f} s, "
            f"and {_of(deaf, 'stopped'):.2f} s to stop",
        )
    )
    memory = (_of(first[many], "memory") - _of(first[few], "memory")) * 1024 / (many - few)
    rows.append(
        Row(
            "memory of each further entry",
            memory,
            "KiB",
            64.0,
            note=f"anonymous memory at {many:,} entries less that at {few}, with the bridge; "
            f"{_of(first[many], 'memory'):.0f} MiB in all",
        )
    )
    return rows


def _rows(name: str, starts: dict[int, list[Start]], scale: Scale) -> list[Row]:
    few, half, many = scale.entries
    rows = []
    for stage, words, bound in (
        ("served", "until the first request is answered", 10.0),
        ("loaded", "until all are loaded", 20.0),
    ):
        ratios = [
            all_of_them[stage] / few_of_them[stage]
            for all_of_them, few_of_them in zip(starts[many], starts[few], strict=True)
        ]
        rows.append(
            Row(
                f"start with {many:,} {name} entries, {words}",
                median(ratios),
                TIMES,
                bound,
                f"the same with {few}",
                note=f"{_of(starts[many], stage):.2f} against {_of(starts[few], stage):.2f} s, "
                f"{scale.pairs} pairs",
            )
        )
    base = _of(starts[few], "loaded")
    further = [max(_NOISE, _of(starts[size], "loaded") - base) for size in (half, many)]
    linear = (many - few) / (half - few)
    rows.append(
        Row(
            f"growth with the number of {name} entries, until all are loaded",
            further[1] / further[0] / linear,
            TIMES,
            1.3,
            f"growth that is linear from {half} to {many:,}",
            note=f"each further entry takes {further[1] * 1000 / (many - few):.2f} ms; "
            f"{TIMES} {many / half:.0f} would be quadratic",
        )
    )
    return rows


def _of(starts: list[Start], stage: str) -> float:
    return median(start[stage] for start in starts)


def _start(folder: str) -> Start:
    with Child("startup_process", folder) as child:
        start: Start = child.answer
    return start


def _configure(folder: Path, entries: int, integration: str) -> None:
    """Write a configuration with a password of its own for each camera."""
    cameras = "".join(
        f"  - id: camera{number}\n"
        f"    name: Camera {number}\n"
        f"    integration: {integration}\n"
        f"    host: 10.{number >> 16}.{number >> 8 & 255}.{number & 255}\n"
        "    username: viewer\n"
        f"    password: !secret camera{number}\n"
        for number in range(entries)
    )
    passwords = {f"camera{number}": f"password-{number * 7919:08}" for number in range(entries)}
    (folder / "ucv.yaml").write_text(f"discovery:\n  enabled: false\ncameras:\n{cameras}")
    (folder / "secrets.yaml").write_text(
        "".join(f"{name}: {json.dumps(value)}\n" for name, value in passwords.items())
    )
