"""Shells and programs on terminals that are somewhere else."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lazytui.core.deeds import acting_from
from lazytui.core.passthrough import Passthrough
from lazytui.errors import LazytuiError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from lazytui.door.channel import TerminalChannel
    from lazytui.door.driver import ChannelDriver
    from lazytui.door.hello import Hello
    from lazytui.program import Ended, Program

log = logging.getLogger(__name__)

OK, FAILED, USAGE, NOT_REACHED = 0, 1, 2, 3
CUT_OFF = 255  # what ssh says then


async def hand_over(driver: ChannelDriver, program: Program) -> Ended:
    """Let a program have the terminal of a screen until it ends; then the screen is painted anew.

    Args:
        driver: of the app that has the terminal.
        program: opened, not started yet.
    """
    passthrough = Passthrough(driver.channel, program)
    program.resize(*driver.channel.size)
    driver.lend(passthrough)
    try:
        return await passthrough.run()
    finally:
        driver.reclaim()


async def serve_shell(engine: Engine, channel: TerminalChannel, hello: Hello) -> int:
    """Open a shell on a host for a client: ``lazytui shell HOST``.

    Args:
        engine: connected to the host, or about to be.
        channel: the client's terminal.
        hello: its words are the host.

    Returns:
        The exit status for the client: the shell's own.
    """
    status, message = await _shell(engine, channel, hello)
    channel.close(status, sanitize(message))
    return status


async def _shell(engine: Engine, channel: TerminalChannel, hello: Hello) -> tuple[int, str]:
    host = hello.argv[0] if hello.argv else ""
    if host not in engine.runtimes:
        return USAGE, f"{host} is no host of {engine.config_path}"
    term = channel.environ.get("TERM", "")
    waiting = _Impatient()
    channel.start(waiting)
    opening = asyncio.ensure_future(_open(engine, host, term, channel.size))
    given_up = asyncio.ensure_future(waiting.over.wait())
    try:
        await asyncio.wait((opening, given_up), return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            return 130, ""
        program = opening.result()
    except LazytuiError as error:
        return NOT_REACHED, f"{host}: {error}"
    finally:
        opening.cancel()
        given_up.cancel()
    passthrough = Passthrough(channel, program)
    program.resize(*channel.size)
    channel.start(passthrough)
    end = await passthrough.run()
    return CUT_OFF if end.status is None else end.status, end.why and f"{host}: {end.why}"


async def _open(engine: Engine, host: str, term: str, size: tuple[int, int]) -> Program:
    with acting_from("command line"):
        return await engine.open_shell(host, term=term, size=size)


class _Impatient:
    """A terminal on which nothing runs yet: Ctrl-C and its end give up the waiting."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    def received(self, data: bytes) -> None:
        """Look for Ctrl-C."""
        if b"\x03" in data:
            self.over.set()

    def resized(self, columns: int, rows: int) -> None:
        """The channel knows it."""

    def drained(self) -> None:
        """Nothing was written."""

    def closed(self) -> None:
        """The terminal is gone."""
        self.over.set()
