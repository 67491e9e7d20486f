"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="DIR", help="The configuration directory.")
]
HostOption = Annotated[
    str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]", metavar="ADDRESS")
]
PortOption = Annotated[
    int | None,
    typer.Option(help="Port to listen on; 0 takes a free one.  [default: 8321]", min=0, max=65535),
]
LogLevelOption = Annotated[
    str | None, typer.Option("--log-level", help="debug, info, warning or error.", metavar="LEVEL")
]
