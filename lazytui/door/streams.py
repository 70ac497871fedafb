"""stdin, stdout and stderr of a command line behind the engine's socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.pump import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.door.peer import Peer

READ_AHEAD_BYTES = 1 << 18


class SocketStreams:
    """The :class:`~lazytui.door.channel.CommandStreams` of one client."""

    def __init__(self, peer: Peer) -> None:
        self.on_signal: Callable[[str], None] | None = None
        self._peer = peer
        self._task = asyncio.current_task()
        self._room = asyncio.Event()
        self._room.set()
        self._stdin = bytearray()
        self._stdin_ended = False
        self._asked = False
        self._came = asyncio.Event()
        peer.give_to(self)

    async def read(self, size: int = 65536) -> bytes:
        """Ask for the client's stdin and give at most ``size`` bytes of it; empty at its end."""
        if not self._asked:
            self._asked = True
            self._peer.send(wire.READ)
        while not self._stdin and not self._stdin_ended:
            self._came.clear()
            await self._came.wait()
        data = bytes(self._stdin[:size])
        del self._stdin[:size]
        if len(self._stdin) < READ_AHEAD_BYTES and not self._stdin_ended:
            self._peer.read_on(yes=True)
        return data

    def echo(self, *, on: bool) -> None:
        """Let what is typed at the client's terminal be seen, or not."""
        self._peer.send(wire.ECHO, b"1" if on else b"0")

    def stdout(self, data: bytes) -> None:
        """Queue bytes for the client's stdout."""
        if data:
            self._peer.send(wire.STDOUT, data)

    def stderr(self, data: bytes) -> None:
        """Queue bytes for the client's stderr."""
        if data:
            self._peer.send(wire.STDERR, data)

    async def drain(self) -> None:
        """Wait until the client has taken most of what is queued.

        Raises:
            ConnectionResetError: the client is gone.
        """
        await self._room.wait()
        if self._peer.is_gone:
            raise ConnectionResetError("the client is gone")

    # -- the peer's side

    def took(self, kind: bytes, payload: bytes) -> None:
        """A frame came in."""
        if kind == wire.DATA:
            self._stdin += payload
            self._stdin_ended = self._stdin_ended or not payload
            self._came.set()
            if len(self._stdin) >= READ_AHEAD_BYTES:
                self._peer.read_on(yes=False)
        elif kind == wire.SIGNAL and self.on_signal is not None:
            self.on_signal(payload.decode("ascii", "replace"))
        elif kind == wire.SIGNAL and self._task is not None:
            self._task.cancel()

    def full(self) -> None:
        """More is queued for the client than it takes."""
        self._room.clear()

    def drained(self) -> None:
        """The client has taken most of what was queued."""
        self._room.set()

    def gone(self) -> None:
        """The client is gone: so is what it wanted, unless that looks after itself."""
        self._room.set()
        self._stdin_ended = True
        self._came.set()
        if self._task is not None:
            self._task.cancel()
