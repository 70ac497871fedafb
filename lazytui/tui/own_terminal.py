"""The terminal of this very process for a while, where app and engine live in one process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from lazytui.core.passthrough import Passthrough
from lazytui.pump.greeting import terminal_size
from lazytui.pump.terminal import Terminal
from lazytui.pump.wire import PIECE

if TYPE_CHECKING:
    from textual.app import App

    from lazytui.program import Ended, Program

LAST_WRITE_S = 1.0  # for a terminal that takes its time to show the last of a program


async def hand_over(app: App[None], program: Program) -> Ended:
    """Let a program have the terminal until it ends; then the screen is back as it was.

    The loop goes on meanwhile, and everything on it. Nothing is painted: Textual would wait for
    ever for room in the queue of its writer, which is stopped.

    Args:
        app: painted by Textual's own driver.
        program: opened, not started yet.
    """
    with app.batch_update(), app.suspend(), Terminal() as terminal:
        program.resize(*terminal_size())
        return await OwnTerminal(terminal.out).run(program)


def stop(app: App[None]) -> None:
    """Stop this process and all of its job, as the terminal does at Ctrl-Z, until it goes on.

    The terminal is as it was before meanwhile; afterwards the screen is painted whole, which
    Textual's own way does not do.

    Args:
        app: painted by Textual's own driver, which stops us at the signal.
    """
    with app.batch_update(), app.suspend():
        os.killpg(0, signal.SIGTSTP)


class OwnTerminal:
    """Reads stdin and writes the terminal without blocking the loop.

    Args:
        out: the terminal, opened not to block.
    """

    def __init__(self, out: int) -> None:
        self._out = out
        self._waiting = bytearray()
        self._empty = asyncio.Event()
        self._empty.set()
        self._loop = asyncio.get_running_loop()
        self._passthrough: Passthrough

    async def run(self, program: Program) -> Ended:
        """Join the terminal with a program until that ends."""
        self._passthrough = Passthrough(self, program)
        self._loop.add_reader(0, self._read)
        self._loop.add_signal_handler(signal.SIGWINCH, self._resized)
        try:
            return await self._passthrough.run()
        finally:
            self._loop.remove_signal_handler(signal.SIGWINCH)
            self._loop.remove_reader(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WRITE_S):
                    await self._empty.wait()
            self._loop.remove_writer(self._out)

    @property
    def backlog(self) -> int:
        """How many bytes the terminal has not taken yet."""
        return len(self._waiting)

    def write(self, data: bytes) -> None:
        """Queue bytes for the terminal."""
        if not self._waiting:
            self._empty.clear()
            self._loop.add_writer(self._out, self._write)
        self._waiting += data

    def _write(self) -> None:
        try:
            del self._waiting[: os.write(self._out, self._waiting[:PIECE])]
        except BlockingIOError:
            return
        except OSError:  # the terminal is gone
            self._waiting.clear()
            self._passthrough.closed()
        if not self._waiting:
            self._loop.remove_writer(self._out)
            self._empty.set()
            self._passthrough.drained()

    def _read(self) -> None:
        try:
            data = os.read(0, PIECE)
        except OSError:
            data = b""
        if data:
            self._passthrough.received(data)
        else:
            self._loop.remove_reader(0)
            self._passthrough.closed()

    def _resized(self) -> None:
        self._passthrough.resized(*terminal_size())
