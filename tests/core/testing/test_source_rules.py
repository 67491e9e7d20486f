"""What is found in a plugin's source, and that nothing is found that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from ucv.testing.source_rules import inspect_source

CASES = {
    "import time\nasync def f():\n    time.sleep(1)\n": [3],
    "from time import sleep as wait\nasync def f():\n    wait(1)\n": [3],
    "import requests as r\nasync def f():\n    r.get('x')\n": [3],
    "import asyncio\nasync def f():\n    asyncio.create_task(g())\n": [3],
    "async def f():\n    try:\n        pass\n    except BaseException:\n        pass\n": [4],
    "def f(:\n": [1],
    # Said once, although it stands in a function within a function.
    "import time\nasync def f():\n    async def g():\n        time.sleep(1)\n": [4],
    # In a thread it may take its time.
    "import time\nasync def f():\n    def g():\n        time.sleep(1)\n": [],
    "import time\nasync def f():\n    await to_thread(lambda: time.sleep(1))\n": [],
    "import time\ndef f():\n    time.sleep(1)\n": [],
    # A variable that happens to be called so.
    "async def f():\n    requests = []\n    requests.append(1)\n": [],
    "async def f(subprocess):\n    subprocess.stop()\n": [],
    "async def f():\n    try:\n        pass\n    except BaseException:\n        raise\n": [],
}


@pytest.mark.parametrize("source", CASES)
def test_lines_are_named_that_hold_up_or_harm_the_hub(source: str, tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(source)
    assert [finding.line for finding in inspect_source(file)] == CASES[source]


def test_what_is_installed_beside_a_plugin_is_not_its_source(tmp_path: Path) -> None:
    blocking = "import time\nasync def f():\n    time.sleep(1)\n"
    for name in ("acme/.venv/lib/other.py", "acme/__init__.py", "acme/test_acme.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(blocking)
    (finding,) = inspect_source(tmp_path / "acme")
    assert (finding.file.name, finding.line) == ("__init__.py", 3)
