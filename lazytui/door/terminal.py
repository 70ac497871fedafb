"""A terminal behind the engine's socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.pump import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lazytui.door.channel import TerminalEvents
    from lazytui.door.peer import Peer

TYPED_AHEAD_BYTES = 1 << 16  # kept for whoever serves the terminal, before it is there


class SocketTerminal:
    """The :class:`~lazytui.door.channel.TerminalChannel` of one client."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._size = peer.hello.size
        self._events: TerminalEvents | None = None
        self._typed = b""
        peer.give_to(self)

    @property
    def environ(self) -> Mapping[str, str]:
        """The client's environment, as far as a screen or an editor needs it."""
        return self._peer.hello.environ

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, as last told by the client; not clamped."""
        return self._size

    @property
    def backlog(self) -> int:
        """How many bytes written here were not yet taken by the client's side."""
        return self._peer.backlog

    @property
    def is_gone(self) -> bool:
        """Whether the client has gone."""
        return self._peer.is_gone

    @property
    def can_stop(self) -> bool:
        """Whether a shell would take the client up again after :meth:`stop`."""
        return self._peer.hello.can_stop

    def stop(self) -> None:
        """Stop the client as Ctrl-Z does."""
        self._peer.send(wire.STOP)

    def start(self, events: TerminalEvents) -> None:
        """Tell these from now on; what came before is told at once. May be called again."""
        self._events = events
        typed, self._typed = self._typed, b""
        if typed:
            events.received(typed)
        if self._peer.is_gone:
            events.closed()

    def write(self, data: bytes) -> None:
        """Queue bytes for the terminal; the caller keeps the backlog bounded."""
        if data:
            self._peer.send(wire.STDOUT, data)

    def close(self, status: int, message: str = "") -> None:
        """End the client: it restores its terminal, prints the message and exits."""
        self._peer.exit(status, message)

    # -- the peer's side

    def took(self, kind: bytes, payload: bytes) -> None:
        """A frame came in."""
        if kind == wire.DATA and self._events is not None:
            self._events.received(payload)
        elif kind == wire.DATA:
            self._typed = (self._typed + payload)[:TYPED_AHEAD_BYTES]
        elif kind == wire.SIZE:
            self._size = wire.read_size(payload)
            if self._events is not None:
                self._events.resized(*self._size)

    def full(self) -> None:
        """The backlog tells it; nothing more is to be done."""

    def drained(self) -> None:
        """The client has taken most of what was queued."""
        if self._events is not None:
            self._events.drained()

    def gone(self) -> None:
        """The client is gone."""
        if self._events is not None:
            self._events.closed()
