from __future__ import annotations

import logging
import subprocess
import sys

from ucv.logs import RedactingFormatter, RepeatFilter
from ucv.secrets import REDACTED, Redactor

PASSWORD = "hunter2secret"


def record(
    message: str, *arguments: object, error: BaseException | None = None
) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("ucv", logging.WARNING, __file__, 1, message, arguments, info)


def formatter() -> RedactingFormatter:
    redactor = Redactor()
    redactor.add(PASSWORD)
    return RedactingFormatter(redactor)


def test_arguments_and_tracebacks_are_redacted() -> None:
    try:
        raise ValueError(f"cannot open rtsp://viewer:{PASSWORD}@127.0.0.1/")
    except ValueError as error:
        text = formatter().format(record("opening %s", PASSWORD, error=error))
    assert PASSWORD not in text
    assert text.count(REDACTED) == 2
    assert "ValueError" in text


def test_repeated_lines_are_held_back_and_counted() -> None:
    now = 0.0
    repeats = RepeatFilter(lambda: now)
    shown = [repeats.filter(record("camera %s is away", "front")) for _ in range(12)]
    assert shown == [True] * 5 + [False] * 7
    assert repeats.filter(record("camera %s is away", "back"))
    now = 61.0
    late = record("camera %s is away", "front")
    assert repeats.filter(late)
    assert late.getMessage() == "camera front is away (and 7 more times)"


def test_in_a_process_no_way_out_shows_a_secret() -> None:
    program = f"""
import logging, threading, warnings, sys, asyncio
from ucv.logs import configure_logging
from ucv.secrets import Redactor
redactor = Redactor()
redactor.add({PASSWORD!r})
configure_logging(redactor, "debug")
logging.getLogger("anybody").debug("debug %s", {PASSWORD!r})
warnings.warn("warned of " + {PASSWORD!r})
thread = threading.Thread(target=lambda: 1 / len({PASSWORD!r}[:0]) or {PASSWORD!r})
thread.start()
thread.join()
class Bad:
    def __del__(self):
        raise ValueError({PASSWORD!r})
Bad()
async def main():
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
async def fail():
    raise RuntimeError({PASSWORD!r})
asyncio.run(main())
import gc; gc.collect()
raise ValueError({PASSWORD!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert PASSWORD not in done.stdout + done.stderr
    for trace in ("debug", "warned of", "ZeroDivisionError", "__del__", "RuntimeError"):
        assert trace in done.stderr, trace
    assert done.stderr.rstrip().endswith(f"ValueError: {REDACTED}")
