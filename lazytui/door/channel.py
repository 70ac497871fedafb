"""What a handler of the engine sees of who came in: a terminal, or the streams of a command line.

Both are protocols, so that the Unix socket is one make of them and an SSH session can be another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The high mark of a terminal's backlog. Above it the writer is to stop, and is told of its end.
HIGH_BYTES = 1 << 16


class TerminalEvents(Protocol):
    """What a terminal tells whoever serves it; all are called on the event loop."""

    def received(self, data: bytes) -> None:
        """Bytes came from the keyboard (or from the terminal itself), cut anywhere."""

    def resized(self, columns: int, rows: int) -> None:
        """The terminal has this size, or was away for a while: paint it whole."""

    def drained(self) -> None:
        """The backlog went above :data:`HIGH_BYTES`, and most of it is taken now."""

    def closed(self) -> None:
        """The terminal is gone; nothing can be written any more."""


class TerminalChannel(Protocol):
    """A terminal somewhere else: bytes both ways, never blocking.

    ``environ`` holds the variables of the client that :data:`lazytui.pump.greeting.ENVIRON` lists,
    ``size`` the columns and rows as last told, ``backlog`` the bytes not yet taken.
    """

    @property
    def environ(self) -> Mapping[str, str]:
        """The client's environment, as far as a screen or an editor needs it."""

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, as last told by the client; not clamped."""

    @property
    def backlog(self) -> int:
        """How many bytes written here were not yet taken by the client's side."""

    @property
    def can_stop(self) -> bool:
        """Whether a shell would take the client up again after :meth:`stop`."""

    def stop(self) -> None:
        """Stop the client as Ctrl-Z does; when it goes on, it tells its size again."""

    def start(self, events: TerminalEvents) -> None:
        """Tell these from now on; what came before is told at once. May be called again."""

    def write(self, data: bytes) -> None:
        """Queue bytes for the terminal; the caller keeps the backlog bounded."""

    def close(self, status: int, message: str = "") -> None:
        """End the client: it restores its terminal, prints the message and exits.

        Args:
            status: the client's exit status.
            message: for the client's stderr, without control characters; may be empty.
        """


class CommandStreams(Protocol):
    """stdin, stdout and stderr of a command line somewhere else."""

    on_signal: Callable[[str], None] | None
    """Called with ``INT`` or another short name; None: the handler's task is cancelled."""

    async def read(self, size: int = 65536) -> bytes:
        """Ask for the client's stdin and give at most ``size`` bytes of it; empty at its end."""

    def echo(self, *, on: bool) -> None:
        """Let what is typed at the client's terminal be seen, or not."""

    def stdout(self, data: bytes) -> None:
        """Queue bytes for the client's stdout."""

    def stderr(self, data: bytes) -> None:
        """Queue bytes for the client's stderr."""

    async def drain(self) -> None:
        """Wait until the client has taken most of what is queued.

        Raises:
            ConnectionResetError: the client is gone.
        """
