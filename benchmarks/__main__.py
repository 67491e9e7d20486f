"""`python -m benchmarks [NAME …]`: measure, print the table, fail when a bound is not kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from rich.console import Console

from benchmarks import bus, first_picture, ingest, latency, mjpeg, scan, startup, viewers
from benchmarks.processes import ARTIFACTS, ROOT
from benchmarks.report import Row, markdown
from benchmarks.scale import FULL, Progress, Scale

BENCHMARKS: dict[str, Callable[[Scale, Progress], list[Row]]] = {
    "ingest": ingest.run,
    "viewers": viewers.run,
    "first_picture": first_picture.run,
    "latency": latency.run,
    "mjpeg": mjpeg.run,
    "bus": bus.run,
    "startup": startup.run,
    "scan": scan.run,
}
_DOCUMENT = ROOT / "docs" / "benchmarks.md"
_MARK = "<!-- table: written by `python -m benchmarks --update-docs` -->\n"


def main() -> int:
    """Return 1 when something did not keep to its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--update-docs", action="store_true", help="write docs/benchmarks.md")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown or (arguments.update_docs and arguments.names):
        parser.error(f"there is no {unknown[0]}" if unknown else "the documentation takes them all")

    rows: list[Row] = []
    console = Console(stderr=True)
    with console.status("starting") as status:

        def progress(doing: str) -> None:
            status.update(doing)
            if not console.is_terminal:
                console.print(doing)

        for name in arguments.names or BENCHMARKS:
            rows += BENCHMARKS[name](FULL, progress)

    table = markdown(rows)
    print(table)
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "benchmarks.md").write_text(table)
    if arguments.update_docs:
        text, mark, _ = _DOCUMENT.read_text().partition(_MARK)
        _DOCUMENT.write_text(text + mark + "\n" + table)
    missed = [row for row in rows if not row.met]
    for row in missed:
        console.print(f"[red]Not met:[/] {row.name}, against {row.baseline or 'its bound'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
