"""Runs a hub with its bridges until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ucv.cli.bridges import RunningBridge, find_bridges
from ucv.cli.console import err
from ucv.config.configuration import read
from ucv.config.paths import ConfigDirectory
from ucv.hub import Hub
from ucv.logs import configure_logging
from ucv.plugins.quarantine import locate
from ucv.plugins.sources import from_path
from ucv.secrets import Redactor

_log = logging.getLogger(__name__)

#: Seconds to stop in, all together; what is not done by then is left to the operating system.
STOP_LIMIT = 4.5
#: Seconds that tasks get to end which are left after that, and threads.
ENDING_LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line asked for; None leaves it to the configuration."""

    config: Path
    host: str | None = None
    port: int | None = None
    safe_mode: bool = False
    log_level: str | None = None
    #: Plugins beside those that are found.
    plugins: tuple[Path, ...] = ()


def serve(
    options: ServeOptions, *, prepare: Callable[[Hub], Awaitable[None]] | None = None
) -> None:
    """Run until SIGINT or SIGTERM; ``prepare`` is called with the started hub."""
    configuration = read(ConfigDirectory(options.config))
    redactor = Redactor()
    configure_logging(
        redactor, options.log_level or configuration.log_level, rich=sys.stderr.isatty()
    )
    hub = Hub(
        options.config,
        redactor=redactor,
        safe_mode=options.safe_mode,
        configuration=configuration,
        plugins=[from_path(path) for path in options.plugins],
    )
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        clean = _complete(runner.get_loop(), _serve(hub, options, prepare))
        if not clean or not runner.run(_all_end()) or not _threads_end():
            # Something does not end (a thread in a driver, a plugin's task): do not hang on it. The
            # runner would, at the end of this block, and then the interpreter.
            logging.shutdown()
            os._exit(1)


def _complete(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, bool]) -> bool:
    """Run until ``main`` is done, whoever else says that the process shall exit.

    ``sys.exit()`` in a task or a callback stops the loop; it is for nobody but the hub to do that.
    """
    task = loop.create_task(main)
    while True:
        try:
            return loop.run_until_complete(task)
        except SystemExit as error:
            if task.done():
                raise
            file, line = locate(error, None)
            _log.error("sys.exit() in a task or a callback is ignored: %s:%d", file, line)
            del error  # or the task that raised it would be kept


async def _all_end() -> bool:
    """Cancel the tasks that are left and say whether they ended, and what runs in threads."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=ENDING_LIMIT)
        for task in left:
            _log.error("A task ignores that it is cancelled: %s", task.get_name())
        if left:
            return False
    # Not cancelled when it takes long: it would wait for its threads even then.
    pool = asyncio.create_task(asyncio.get_running_loop().shutdown_default_executor())
    _, left = await asyncio.wait({pool}, timeout=ENDING_LIMIT)
    if left:
        _log.error("A call in a thread of the event loop does not end")
    return not left


def _threads_end() -> bool:
    """Say whether the threads ended for which the interpreter would wait."""
    deadline = time.monotonic() + ENDING_LIMIT
    for thread in threading.enumerate():
        # Those of executors end when the interpreter does.
        pooled = thread.name.startswith("ThreadPoolExecutor")
        if thread is threading.current_thread() or thread.daemon or pooled:
            continue
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            _log.error("A thread does not end: %s", thread.name)
            return False
    return True


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(
    hub: Hub, options: ServeOptions, prepare: Callable[[Hub], Awaitable[None]] | None
) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # Before the hub has started there is nothing to read again; without a handler it would end it.
    loop.add_signal_handler(signal.SIGHUP, lambda: _reload_soon(hub))
    running: list[RunningBridge] = []
    try:
        await hub.start()
        if prepare is not None:
            await prepare(hub)
        server = hub.configuration.server
        host = options.host or server.host
        port = server.port if options.port is None else options.port
        for found in find_bridges():
            running.append(await found.bridge.start(hub, host, port))
        # A full collection over everything that was imported would hold up the pictures for tens
        # of milliseconds; none of it is ever garbage.
        gc.collect()
        gc.freeze()
        for bridge in running:
            _announce(bridge)
        await stop.wait()
        _log.info("Stopping")
    finally:
        clean = await _stop(hub, running)
    return clean


def _reload_soon(hub: Hub) -> None:
    if hub.started_at:
        _log.info("Reading the configuration again")
        hub.plugin_runtime.soon(_reload(hub), "reload the configuration")


async def _reload(hub: Hub) -> None:
    await hub.configuration_runtime.reload()


def _announce(bridge: RunningBridge) -> None:
    err.print(f"[bold green]UCV is running:[/] {bridge.url}", soft_wrap=True)
    if bridge.first_start_link is not None:
        err.print(
            "[bold]Open this link once to make the administrator:[/]\n"
            f"    {bridge.first_start_link}",
            soft_wrap=True,
        )
    err.print("[dim]Stop with Ctrl+C.[/]")


async def _stop(hub: Hub, running: list[RunningBridge]) -> bool:
    try:
        async with asyncio.timeout(STOP_LIMIT):
            for bridge in reversed(running):
                with contextlib.suppress(Exception):  # the hub must be stopped whatever happens
                    await bridge.stop()
            await hub.stop()
    except TimeoutError:
        _log.error("Stopping took more than %.1f s; giving up on what still runs", STOP_LIMIT)
        return False
    return True
