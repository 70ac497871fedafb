"""A client of the engine that exists in memory: what it sent, and what it got."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.door.commands import serve_command
from lazytui.door.hello import Hello

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.engine import Engine


class Client:
    """The streams of one command line. ``reading`` False is a client that takes nothing more.

    Args:
        words: the command line.
        terminal: all three of its streams are one.
        typed: what comes from its stdin.
        environ: of the client.
        size: of its terminal.
    """

    HIGH_BYTES = 1 << 17

    def __init__(
        self,
        *words: str,
        terminal: bool = False,
        typed: bytes = b"",
        environ: dict[str, str] | None = None,
        size: tuple[int, int] = (80, 24),
    ) -> None:
        self.hello = Hello(
            "command",
            argv=words,
            environ=environ or {},
            ttys=(terminal, terminal, terminal),
            size=size,
        )
        self.out = bytearray()
        self.err = bytearray()
        self.most = 0
        self.reading = asyncio.Event()
        self.reading.set()
        self.waits = asyncio.Event()
        self.on_signal: Callable[[str], None] | None = None
        self.echoes: list[bool] = []
        self._typed = typed
        self._queued = 0
        self._came = asyncio.Event()
        self._pressed = asyncio.Event()
        self.at_end = False  # of stdin, as after Ctrl-D

    async def run(self, engine: Engine) -> int:
        """Have the command line carried out; gives the exit code."""
        return await serve_command(engine, self.hello, self)

    async def said(self, text: bytes) -> None:
        """Wait until stdout and stderr together contain a text."""
        async with asyncio.timeout(30):
            while text not in self.out + self.err:
                self._came.clear()
                await self._came.wait()

    async def read(self, size: int = 65536) -> bytes:
        while not self._typed and not self.at_end:
            self._pressed.clear()
            await self._pressed.wait()  # a person who does not answer
        data, self._typed = self._typed[:size], self._typed[size:]
        return data

    def typed(self, data: bytes) -> None:
        """Type something."""
        self._typed += data
        self._pressed.set()

    def echo(self, *, on: bool) -> None:
        self.echoes.append(on)

    def stdout(self, data: bytes) -> None:
        self.out += data
        self._wrote(len(data))

    def stderr(self, data: bytes) -> None:
        self.err += data
        self._wrote(len(data))

    def _wrote(self, count: int) -> None:
        self._queued = count if self.reading.is_set() else self._queued + count
        self.most = max(self.most, self._queued)
        self._came.set()

    async def drain(self) -> None:
        if self._queued > self.HIGH_BYTES:
            self.waits.set()
            await self.reading.wait()
