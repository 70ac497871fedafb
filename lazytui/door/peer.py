"""One client at the engine's socket: its frames in, frames to it out, and who it is."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import TYPE_CHECKING, Protocol, cast

from lazytui.door.hello import Hello, HelloError, parse_hello
from lazytui.pump import wire
from lazytui.pump.connect import peer as peer_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

log = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 10.0
# Small, so that what a slow client has not read yet is here, where it can be counted, and dropped.
KERNEL_BYTES = 1 << 16
HIGH_BYTES = 1 << 16
LOW_BYTES = 1 << 13


class FrameSink(Protocol):
    """Who gets the frames of a client after its greeting."""

    def took(self, kind: bytes, payload: bytes) -> None:
        """A frame came in; raises WireError when it makes no sense."""

    def full(self) -> None:
        """More is queued for the client than it takes."""

    def drained(self) -> None:
        """The client has taken most of what was queued."""

    def gone(self) -> None:
        """The client is gone."""


class Peer(asyncio.Protocol):
    """A connection, from the first byte on.

    Args:
        greeted: called with the greeting; it answers with :meth:`welcome` or :meth:`refuse`.
        version: of this engine.

    Attributes:
        hello: the greeting, once it came.
        gone: done when the connection is closed.
        has_exited: the client was told to end.
    """

    hello: Hello

    def __init__(self, greeted: Callable[[Peer], None], version: str) -> None:
        self._greeted = greeted
        self._version = version
        self._reader = wire.FrameReader()
        self._transport: asyncio.Transport | None = None
        self._impatience: asyncio.TimerHandle | None = None
        self._sink: FrameSink | None = None
        self._early: list[tuple[bytes, bytes]] = []
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_exited = False

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let nobody in but the user."""
        self._transport = cast("asyncio.Transport", transport)
        connected = cast("socket.socket", transport.get_extra_info("socket"))
        uid, _ = peer_of(connected)
        if uid != os.getuid():
            log.warning("uid %d was turned away at the socket", uid)
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(HIGH_BYTES, LOW_BYTES)
        self._impatience = asyncio.get_running_loop().call_later(HELLO_TIMEOUT_S, self.abort)

    def data_received(self, data: bytes) -> None:
        """Take the greeting, then whatever comes."""
        try:
            for kind, payload in self._reader.feed(data):
                self._take(kind, payload)
        except (wire.WireError, HelloError) as error:
            log.warning("a client was sent away: %s", error)
            if self._sink is None:
                self.refuse("garbage", str(error))
            else:
                self.abort()

    def eof_received(self) -> bool:
        """The client has closed its end: it is gone, as it never closes only half."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the sink."""
        self.gone.set_result(None)
        self._be_patient()
        if self._sink is not None:
            self._sink.gone()

    def pause_writing(self) -> None:
        """Tell the sink that the client is slower than what is written."""
        if self._sink is not None:
            self._sink.full()

    def resume_writing(self) -> None:
        """Tell the sink that there is room again."""
        if self._sink is not None:
            self._sink.drained()

    # -- the handlers' side

    @property
    def is_gone(self) -> bool:
        """Whether the connection is closed."""
        return self.gone.done()

    @property
    def backlog(self) -> int:
        """Bytes that the client has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def give_to(self, sink: FrameSink) -> None:
        """Give every frame to a sink from now on, first those that came before."""
        self._sink = sink
        early, self._early = self._early, []
        for kind, payload in early:
            sink.took(kind, payload)
        if self.is_gone:
            sink.gone()

    def send(self, kind: bytes, data: bytes = b"") -> None:
        """Queue data in as many frames as it takes; nothing once it is over."""
        if self._transport is None or self.is_gone or self.has_exited:
            return
        if not data:
            self._transport.write(wire.frame(kind))
        for piece in wire.frames(kind, data):
            self._transport.write(piece)

    def read_on(self, *, yes: bool) -> None:
        """Read from the client, or leave what it sends where it is for now."""
        if self._transport is None or self.is_gone:
            return
        if yes:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def welcome(self) -> None:
        """Answer the greeting."""
        said = {"version": self._version, "pid": os.getpid()}
        self.send(wire.WELCOME, json.dumps(said).encode())

    def refuse(self, why: str, message: str) -> None:
        """Answer that this client is not served, and close the connection.

        Args:
            why: a word to test for, see :class:`lazytui.pump.errors.RefusedError`.
            message: in plain words.
        """
        said = {"why": why, "message": message, "version": self._version, "pid": os.getpid()}
        self.send(wire.REFUSED, json.dumps(said).encode())
        self._close()

    def exit(self, status: int, message: str = "") -> None:
        """End the client; what was queued reaches it before. Only the first end counts."""
        if self._transport is None or self.is_gone or self.has_exited:
            return
        self._transport.write(wire.exit_frame(status, message))
        self.has_exited = True
        self._close()

    def hold(self) -> None:
        """Keep the connection open for as long as this process is there: its end tells of ours."""
        if self._transport is not None:
            os.dup(self._transport.get_extra_info("socket").fileno())

    def abort(self) -> None:
        """Close the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, kind: bytes, payload: bytes) -> None:
        if self._sink is not None:
            self._sink.took(kind, payload)
        elif self._impatience is None:
            self._early.append((kind, payload))
        elif kind != wire.HELLO:
            raise HelloError("what came first was no greeting of lazytui")
        else:
            self.hello = parse_hello(payload)
            self._be_patient()
            self._greeted(self)

    def _be_patient(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
