"""A full-screen program that wants a terminal: a shell on a host, an editor on the manager.

Both are bytes out, bytes in, a size and an end, so that a terminal is lent to each in one way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Args:
        status: its exit status, or None when it was cut off or ended by a signal.
        why: in words, where the status does not say it: ``connection lost``; else empty.
    """

    status: int | None
    why: str = ""


class ProgramEvents(Protocol):
    """What a program tells whoever has the terminal; called on the loop, none may block."""

    def printed(self, data: bytes) -> None:
        """Bytes for the terminal."""

    def ended(self, end: Ended) -> None:
        """The program is over, and has printed everything."""


class Program(Protocol):
    """A program on a pseudo-terminal somewhere. Nothing is read from it before :meth:`start`."""

    @property
    def title(self) -> str:
        """What it is, for people: ``shell on gpu01``."""

    @property
    def unread(self) -> int:
        """Bytes that were typed, and that it has not taken yet."""

    def start(self, events: ProgramEvents) -> None:
        """Tell these what it prints, from now on."""

    def type(self, data: bytes) -> None:
        """Give it what was typed."""

    def resize(self, columns: int, rows: int) -> None:
        """Tell it the size of its terminal."""

    def hold(self) -> None:
        """Read nothing more from it, until :meth:`go_on`: it then waits in its writes."""

    def go_on(self) -> None:
        """Read from it again."""

    def hang_up(self) -> None:
        """Take its terminal away; it ends, unless it ignores that. May be called again."""
