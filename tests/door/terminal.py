"""A terminal in memory at the other end of a channel: what the user would see, and can do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pyte

from lazytui.core.settings import Settings
from lazytui.door.channel import HIGH_BYTES
from lazytui.door.hello import Hello
from lazytui.door.terminals import serve_terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from lazytui.door.channel import TerminalEvents
    from tests.tui.fake_engine import FakeEngine

ENVIRON = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
LOW_BYTES = 1 << 13
PATIENCE_S = 20.0


class Terminal:
    """A terminal channel whose other end is pyte.

    Args:
        columns: its width.
        rows: its height.
        environ: variables besides those of a colourful terminal; None takes one away.
    """

    def __init__(self, columns: int = 80, rows: int = 24, **environ: str | None) -> None:
        named = {**ENVIRON, **environ}
        self.environ: Mapping[str, str] = {k: v for k, v in named.items() if v is not None}
        self.size = (columns, rows)
        self.output = bytearray()
        """All that the terminal has taken."""
        self.most_waiting = 0
        self.ended: tuple[int, str] | None = None
        self.events: TerminalEvents
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._waiting = bytearray()
        self._was_high = False
        self._stopped = False
        self.can_stop = False
        self.stops = 0

    # The channel

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def stop(self) -> None:
        self.stops += 1

    def start(self, events: TerminalEvents) -> None:
        self.events = events

    def write(self, data: bytes) -> None:
        self._waiting += data
        self.most_waiting = max(self.most_waiting, len(self._waiting))
        self._was_high |= len(self._waiting) > HIGH_BYTES
        asyncio.get_running_loop().call_soon(self._take)

    def close(self, status: int, message: str = "") -> None:
        self.ended = (status, message)

    # The terminal

    def stop_reading(self) -> None:
        """Take nothing any more, as after Ctrl-S."""
        self._stopped = True

    def read_on(self) -> None:
        """Take all that waits, and go on."""
        self._stopped = False
        self._take()

    def _take(self) -> None:
        if self._stopped:
            return
        taken = bytes(self._waiting)
        self._waiting.clear()
        self.output += taken
        self._stream.feed(taken)
        if self._was_high:
            self._was_high = False
            self.events.drained()

    @property
    def rows(self) -> list[str]:
        """What is seen, row by row."""
        return [row.rstrip() for row in self._screen.display]

    @property
    def text(self) -> str:
        """What is seen."""
        return "\n".join(self.rows)

    @property
    def colours(self) -> set[str]:
        """The colours that are seen, of letters and grounds."""
        cells = [cell for row in self._screen.buffer.values() for cell in row.values()]
        return {colour for cell in cells for colour in (cell.fg, cell.bg)}

    # The user

    def type(self, *keys: str | bytes) -> None:
        """Send keys, each in a piece of its own."""
        for key in keys:
            self.events.received(key.encode() if isinstance(key, str) else key)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        self.size = (columns, rows)
        self._screen.resize(max(1, min(rows, 400)), max(1, min(columns, 1000)))
        self.events.resized(columns, rows)

    def hang_up(self) -> None:
        """Close the window."""
        self.events.closed()

    async def until(self, shown: str, *, gone: bool = False) -> None:
        """Wait until something is seen, or not any more."""
        await self.when(lambda: (shown in self.text) is not gone, shown)

    async def when(self, true: object, what: str = "it") -> None:
        """Wait until something is true."""
        assert callable(true)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not true():
                    if self.ended and self.ended[0]:
                        break
                    await asyncio.sleep(0.005)
                else:
                    return
        except TimeoutError:
            pass
        raise AssertionError(f"{what!r} did not come; {self.ended}; seen is\n{self.text}")


def served(engine: FakeEngine, folder: Path | None = None) -> FakeEngine:
    """Give an engine in memory what a served one has besides."""

    class Folders:
        log_file = folder or "lazytui.log"

    engine.settings = Settings()
    engine.paths = Folders()
    return engine


@asynccontextmanager
async def attached(
    engine: FakeEngine, terminal: Terminal, *argv: str, leave: bool = True, folder: str = "/"
) -> AsyncIterator[Terminal]:
    """Serve a terminal; at the end the user leaves, unless the app has ended already."""
    environ, size = terminal.environ, terminal.size
    hello = Hello("screen", argv=argv, environ=environ, cwd=folder, size=size, pid=4711)
    task = asyncio.ensure_future(serve_terminal(engine, terminal, hello))
    try:
        await terminal.when(lambda: "1 Hosts" in terminal.text or task.done(), "the screen")
        yield terminal
        if leave and not task.done():
            terminal.hang_up()
        async with asyncio.timeout(PATIENCE_S):
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
