"""Streams through a connection: bytes from a client to a service and back, nothing lost or added.

A stream has two ends. Each is a plain protocol, a TCP socket of the manager or a channel of a
connection, and hands what it gets straight to the other one: asyncssh's stream objects would cost
a task, a queue and two copies for every piece. Whoever cannot take more makes the other end stop
reading, an end of file travels alone (half-closed streams live on), and a stream that is cut off
is *reset*, so that the client never takes a part for the whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any

import asyncssh

from lazytui.ssh.fast_lane import Sender
from lazytui.ssh.traffic import TargetRefusedError

if TYPE_CHECKING:
    from lazytui.ssh.connection import Connection
    from lazytui.ssh.traffic import Spawn, Traffic

DIAL_S = 20.0  # how long a target may take to accept
LARGE = 16384  # bytes of a piece that waits for others; what is smaller goes at once
EARLY = 65536  # bytes that are kept of an end whose other one is not there yet
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class _End:
    """One end of a stream: what comes in here goes out at the other one."""

    def __init__(self, stream: Stream, *, is_client: bool) -> None:
        self.stream = stream
        self.is_client = is_client
        self.peer: _End | None = None  # known when both are there
        self.transport: Any = None  # an asyncio transport or a channel of asyncssh: alike
        self.early: list[bytes] = []
        self.early_size = 0
        self.got_eof = False
        self.is_lost = False

    # -- what the transport tells (the names are asyncio's and asyncssh's)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.stream.is_over:
            self.reset()

    def session_started(self) -> None:
        """Nothing to do: the stream is joined by whoever waits for the channel."""

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        traffic = self.stream.traffic
        if self.is_client:
            traffic.bytes_in += len(data)
        else:
            traffic.bytes_out += len(data)
        if self.peer is not None:
            self.peer.write(data)
            traffic.on_change()
            return
        self.early.append(data)
        self.early_size += len(data)
        if self.early_size >= EARLY:
            self.transport.pause_reading()
        self.stream.came_early.set()

    def eof_received(self) -> bool:
        self.got_eof = True
        self.stream.came_early.set()
        if self.peer is not None:
            self.peer.write_eof()
            if self.peer.got_eof:
                self.stream.close()
        return True  # the other direction goes on

    def pause_writing(self) -> None:
        if self.peer is not None and not self.peer.is_lost:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and not self.peer.is_lost:
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        whole = exc is None and self.got_eof
        self.stream.end_lost(self, whole=whole)

    # -- what the other end asks

    def write(self, data: bytes) -> None:
        raise NotImplementedError

    def write_eof(self) -> None:
        if not self.is_lost and not self.transport.is_closing():
            with contextlib.suppress(OSError):
                self.transport.write_eof()

    def close(self) -> None:
        """Send what waits, then close."""
        if self.transport is not None and not self.is_lost:
            self.transport.close()

    def reset(self) -> None:
        """Close now, so that the program at this end sees an error."""
        if self.transport is not None and not self.is_lost:
            self.transport.abort()


class SocketEnd(_End, asyncio.Protocol):
    """An end that is a TCP connection of the manager."""

    def __init__(self, stream: Stream, *, is_client: bool) -> None:
        super().__init__(stream, is_client=is_client)
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting and len(data) < LARGE:
            self._send(data)
            return
        # The packets that came in together go out together: a third of the system calls.
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send_waiting)
        self._waiting.append(data)

    def write_eof(self) -> None:
        self._send_waiting()
        super().write_eof()

    def close(self) -> None:
        self._send_waiting()
        super().close()

    def _send_waiting(self) -> None:
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._send(data)

    def _send(self, data: bytes) -> None:
        if not self.is_lost and not self.transport.is_closing():
            self.transport.write(data)

    def reset(self) -> None:
        if self.transport is None or self.is_lost:
            return
        sock = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


class ChannelEnd(_End, asyncssh.SSHTCPSession[bytes]):
    """An end that is a channel of a connection."""

    def connection_made(self, transport: Any) -> None:
        self._sender = Sender(transport)
        super().connection_made(transport)

    def write(self, data: bytes) -> None:
        if not self.is_lost:
            # A channel that is closing says so by an error; its loss is told soon.
            with contextlib.suppress(OSError):
                self._sender.write(data)


class Stream:
    """A connection of a client with the service.

    Args:
        traffic: counts it.
        streams: the open streams of its listener; it puts itself in and takes itself out.
    """

    def __init__(self, traffic: Traffic, streams: set[Stream]) -> None:
        self.traffic = traffic
        self.is_over = False
        self.came_early = asyncio.Event()
        self.client: _End | None = None
        self.service: _End | None = None
        self._streams = streams
        streams.add(self)
        traffic.connections += 1
        traffic.total += 1
        traffic.on_change()

    async def take(self, size: int) -> bytes:
        """Give the next bytes of a client whose service is not known yet.

        Raises:
            TargetRefusedError: it says no more.
        """
        assert self.client is not None
        early = self.client.early
        while sum(map(len, early)) < size:
            if self.client.got_eof or self.is_over:
                raise TargetRefusedError("the client went away")
            self.came_early.clear()
            await self.came_early.wait()
        data = b"".join(early)
        early[:] = [data[size:]]
        return data[:size]

    def join(self) -> None:
        """Let the ends talk: both are there now."""
        client, service = self.client, self.service
        assert client is not None
        assert service is not None
        if self.is_over:
            return
        client.peer, service.peer = service, client
        for end, other in ((client, service), (service, client)):
            for data in end.early:
                other.write(data)
            if end.early_size >= EARLY:
                end.transport.resume_reading()
            end.early, end.early_size = [], 0
            if end.got_eof:
                other.write_eof()
        self.traffic.on_change()
        if client.got_eof and service.got_eof:
            self.close()

    def close(self) -> None:
        """Both ends have said all: send what waits, and close."""
        for end in (self.client, self.service):
            if end is not None:
                end.close()

    def reset(self) -> None:
        """Cut it off: both programs see an error."""
        for end in (self.client, self.service):
            if end is not None:
                end.reset()
        self._over()

    def end_lost(self, end: _End, *, whole: bool) -> None:
        """One end is gone: the other one follows, at once if something is missing."""
        other = self.service if end is self.client else self.client
        if other is not None and not other.is_lost:
            if whole and end.peer is not None:
                other.close()
                return
            other.reset()
        self._over()

    def _over(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        self.came_early.set()
        self._streams.discard(self)
        self.traffic.connections -= 1
        self.traffic.on_change()


async def dial_manager(stream: Stream, host: str, port: int) -> None:
    """Give a stream its service: a program on the manager.

    Raises:
        TargetRefusedError: it does not listen, or does not answer.
    """
    end = SocketEnd(stream, is_client=False)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DIAL_S):
            await loop.create_connection(lambda: end, host, port)
    except TimeoutError as error:
        raise TargetRefusedError(f"{host}:{port} on the manager does not answer") from error
    except OSError as error:
        words = "nothing listens" if isinstance(error, ConnectionRefusedError) else str(error)
        raise TargetRefusedError(f"{words} on {host}:{port} of the manager") from error
    stream.service = end


async def dial_host(
    stream: Stream, connection: Connection, host: str, port: int, spawn: Spawn
) -> None:
    """Give a stream its service: a program that the host of a connection reaches.

    Args:
        stream: what wants it.
        connection: to the host.
        host: a name or address as the host knows it.
        port: of the service.
        spawn: runs the opening; it is not cancelled when it takes too long, as that would leave
            the channel open.

    Raises:
        TargetRefusedError: it does not listen, does not answer, or sshd forbids it.
    """
    end = ChannelEnd(stream, is_client=False)
    failures: list[Exception] = []

    async def opening() -> None:
        try:
            await connection.asyncssh_connection.create_connection(
                lambda: end, host, port, "127.0.0.1", 0, encoding=None
            )
        except (asyncssh.Error, OSError) as error:
            failures.append(error)

    done, _ = await asyncio.wait({spawn(opening(), f"stream to {host}:{port}")}, timeout=DIAL_S)
    alias = connection.route[-1]
    if not done:
        raise TargetRefusedError(f"{host}:{port} does not answer {alias}")
    if failures:
        raise _refusal(failures[0], alias, host, port) from failures[0]
    stream.service = end


def _refusal(error: Exception, alias: str, host: str, port: int) -> TargetRefusedError:
    if isinstance(error, asyncssh.ChannelOpenError):
        if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            reason = f"sshd on {alias} forbids it (AllowTcpForwarding, PermitOpen)"
            return TargetRefusedError(reason)
        return TargetRefusedError(f"nothing listens on {host}:{port} of {alias}")
    return TargetRefusedError(f"the connection to {alias} was lost")
