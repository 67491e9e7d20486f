"""Logging through which no known secret passes, and in which nothing repeats without end."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.logging import RichHandler

from ucv.secrets import Redactor

#: Identical lines let through in a window, its length in seconds, and how many lines are watched.
_BURST, _WINDOW, _WATCHED = 5, 60.0, 1024

#: Loggers that write other people's data at debug level: statements, rows, whole messages.
QUIET = ("sqlalchemy", "aiosqlite", "alembic", "asyncio", "watchfiles")

_PLAIN = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class RedactingFormatter(logging.Formatter):
    """Redacts the finished text, traceback included, whoever wrote it."""

    def __init__(self, redactor: Redactor, pattern: str = _PLAIN) -> None:
        super().__init__(pattern)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact."""
        return self._redactor.redact(super().format(record))


class RepeatFilter(logging.Filter):
    """Lets through a few identical lines a minute, and says how many were held back."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, int, str], list[float]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide about one line."""
        text = record.getMessage()
        key = (record.name, record.levelno, text)
        now = self._monotonic()
        with self._lock:
            since, count = self._seen.pop(key, [now, 0])
            held = 0
            if now - since >= _WINDOW:
                held, since, count = max(0, int(count) - _BURST), now, 0
            self._seen[key] = [since, count + 1]
            while len(self._seen) > _WATCHED:
                self._seen.popitem(last=False)
            if count >= _BURST:
                return False
        if held:
            record.msg, record.args = f"{text} (and {held} more times)", None
        return True


def configure_logging(redactor: Redactor, level: str = "info", *, rich: bool = False) -> None:
    """Send all logs, warnings and uncaught exceptions to standard error, redacted.

    ``level`` is debug, info, warning or error; ``rich``: for a person at a terminal.
    """
    handler: logging.Handler
    if rich:
        handler = RichHandler(console=Console(stderr=True), show_path=False, markup=False)
        handler.setFormatter(RedactingFormatter(redactor, "%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(RedactingFormatter(redactor))
    handler.addFilter(RepeatFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)

    def excepthook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        text = "".join(traceback.format_exception(kind, error, trace))
        sys.stderr.write(redactor.redact(text))

    def thread_excepthook(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            excepthook(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    def unraisablehook(raised: sys.UnraisableHookArgs) -> None:
        if raised.exc_value is not None:
            excepthook(raised.exc_type, raised.exc_value, raised.exc_traceback)

    sys.excepthook = excepthook
    threading.excepthook = thread_excepthook
    sys.unraisablehook = unraisablehook


def set_log_level(level: str) -> None:
    """Log from another level on: debug, info, warning or error."""
    logging.getLogger().setLevel(level.upper())
