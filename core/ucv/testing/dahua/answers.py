"""What Dahua's interface answers with: lines of text, OK, and a short text for each error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from ucv.testing.http_message import Answer, Request

#: What a command of a CGI answers.
Command = Callable[[Request], Answer | Awaitable[Answer]]
#: Commands by ``<cgi>?action=<action>``, or by the CGI alone where it has no actions.
Commands = Mapping[str, Command]
#: What a command that changes something does, by the same names; it raises `WriteFailed` when it
#: cannot be done.
Writes = Mapping[str, Callable[[Request], None]]

#: The bodies of refusals by status.
ERRORS: Mapping[int, bytes] = {
    400: b"Error\r\nBad Request!\r\n",
    401: b"Error\r\nInvalid Authority!\r\n",
    403: b"Authority:check failure.\r\n",
    404: b"Error\r\nNot Found!\r\n",
    500: b"Error\r\nInternal Error\r\n",
    501: b"Error\r\nNot Implemented!\r\n",
}
_TEXT = {"Content-Type": "text/plain"}


class Refusal(Exception):
    """A command that cannot be done; ``status`` is what it is answered with."""

    def __init__(self, status: int = 400) -> None:
        super().__init__(status)
        self.status = status


class WriteFailed(Exception):
    """A write that cannot be done, which is answered as the device's quirks have it."""


def lines(content: Iterable[str]) -> Answer:
    """Return lines of text; none make an empty body."""
    return Answer(200, _TEXT, "".join(f"{line}\r\n" for line in content).encode())


def failure(status: int) -> Answer:
    """Return a refusal with its usual body."""
    return Answer(status, _TEXT, ERRORS.get(status, b"Error\r\n"))


def always(answer: Answer) -> Command:
    """Return a command that is always answered in the same way."""
    return lambda _: answer


def number(request: Request, name: str, default: int | None = None) -> int:
    """Return a whole number that a request gives; raises `Refusal` (400)."""
    text = request.query.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError:
        raise Refusal from None


OK = Answer(200, _TEXT, b"OK\r\n")
#: A write that failed, which is not told by its status.
ERROR = Answer(200, _TEXT, b"Error\r\n")
EMPTY = Answer(200, _TEXT, b"")
