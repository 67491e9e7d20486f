"""The wheel, in an environment with nothing else, far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import StartHub

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {**os.environ, "UV_SYSTEM_CERTS": "true"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it with what it needs, and return the environment's programs."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--installer", "uv", "-o", folder, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    run(sys.executable, "-m", "uv", "venv", "--python", sys.executable, environment, cwd=folder)
    python = environment / "bin" / "python"
    constraints = ROOT / "requirements-lock.txt"
    run(
        *(sys.executable, "-m", "uv", "pip", "install", "--python", python),
        *("--constraint", constraints, wheel),
        cwd=folder,
    )
    return environment / "bin"


@pytest.mark.timeout(300)
async def test_the_installed_wheel_shows_the_demo_with_its_page(
    installed: Path, tmp_path: Path, start_hub: StartHub
) -> None:
    assert run(installed / "ucv", "--version", cwd=tmp_path).strip()
    hub = await start_hub(tmp_path / "config", command="demo", program=[str(installed / "ucv")])
    async with hub.http.get("/") as answer:
        assert answer.status == 200
        page = await answer.text()
    assert "Universal Camera Viewer" in page
    script = page.partition('type="module"')[2].partition('src="')[2].partition('"')[0]
    async with hub.http.get("/" + script.lstrip("./")) as answer:
        assert answer.status == 200
        assert len(await answer.read()) > 50_000
    await hub.until_camera("demo-harbour", lambda camera: camera["entry"]["state"] == "loaded")
    async with hub.http.get("/api/cameras/demo-harbour/snapshot.jpg") as answer:
        assert answer.status == 200
        assert (await answer.read())[:2] == b"\xff\xd8"
    assert await hub.stop() == 0


@pytest.mark.timeout(300)
def test_the_installed_wheel_writes_a_plugin_and_grades_it(installed: Path, tmp_path: Path) -> None:
    (wheel,) = installed.parents[1].glob("*.whl")
    run(
        *(sys.executable, "-m", "uv", "pip", "install", "--python", installed / "python"),
        *("--constraint", ROOT / "requirements-lock.txt", f"{wheel}[testing]"),
        cwd=tmp_path,
    )
    run(installed / "ucv", "plugin", "new", "acme", cwd=tmp_path)
    report = run(installed / "ucv", "plugin", "check", "acme", cwd=tmp_path)
    assert "Acme: gold" in report
    assert "2 passed" in report
