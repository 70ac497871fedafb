"""Joins a terminal with a program for a while: bytes both ways, and order afterwards.

The screen that had the terminal paints nothing meanwhile, and everything else goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from lazytui.pump.terminal import Switches
from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.program import Ended, Program

# Beyond it the program is held, below the terminal's own low mark it goes on.
BACKLOG_BYTES = 1 << 18
# Typed, or pasted, and not taken: a program that reads nothing gets no more than that.
UNREAD_BYTES = 1 << 20

# Ends what a dying program may have left half said or switched, as far as that is no mode with a
# number: an escape sequence, a string (OSC, DCS), colours, line drawing, insert mode, the keypad,
# the shape of the cursor, and a scrolling region, which would move the cursor.
_SOBER = b"\x18\x1b\\\x1b[m\x0f\x1b(B\x1b[4l\x1b>\x1b[0 q\x1b7\x1b[r\x1b8"


class Terminal(Protocol):
    """A terminal to write to: the part of a terminal channel that is needed here."""

    @property
    def backlog(self) -> int:
        """How many bytes written here were not yet taken."""

    def write(self, data: bytes) -> None:
        """Queue bytes for the terminal."""


class Passthrough:
    """The terminal's events on one side, the program's on the other.

    Args:
        terminal: where the program appears.
        program: opened, not started yet.
    """

    def __init__(self, terminal: Terminal, program: Program) -> None:
        self._terminal = terminal
        self._program = program
        self._switches = Switches()
        self._held = False
        self._end: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    async def run(self) -> Ended:
        """Let the program have the terminal until it ends; leaves the terminal in order.

        Cancelling hangs the program up.
        """
        self._say(f"{self._program.title}: leave it with exit or ctrl+d")
        self._program.start(self)
        try:
            return await self._end
        finally:
            self._program.hang_up()
            self._terminal.write(_SOBER + self._switches.off())

    def _say(self, text: str) -> None:
        self._terminal.write(f"\r\x1b[2m[{sanitize(text)}]\x1b[m\r\n".encode())

    # -- the terminal's side

    def received(self, data: bytes) -> None:
        """The user typed."""
        if self._program.unread + len(data) <= UNREAD_BYTES:
            self._program.type(data)

    def resized(self, columns: int, rows: int) -> None:
        """The terminal has another size, or was away."""
        self._program.resize(columns, rows)

    def drained(self) -> None:
        """The terminal has room again."""
        if self._held:
            self._held = False
            self._program.go_on()

    def closed(self) -> None:
        """The terminal is gone, and so is the program's."""
        self._program.hang_up()

    # -- the program's side

    def printed(self, data: bytes) -> None:
        """The program wants to show something."""
        self._switches.note(data)
        self._terminal.write(data)
        if not self._held and self._terminal.backlog > BACKLOG_BYTES:
            self._held = True
            self._program.hold()

    def ended(self, end: Ended) -> None:
        """The program is over."""
        if not self._end.done():
            self._end.set_result(end)
