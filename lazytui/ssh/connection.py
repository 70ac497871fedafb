"""One authenticated connection to a host, and the channels on it.

The asyncssh settings that matter are decided here once: bytes only (one invalid byte of text would
close the connection for everybody on it), never an exit status of None taken for success, never a
pty, and never ``env=`` (sshd drops it silently).
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Protocol

import asyncssh

from lazytui.errors import ConnectionLostError, NoSessionError
from lazytui.ssh.tuning import tune

if TYPE_CHECKING:
    from lazytui.ssh.dial import ProxyProcess


MIN_RTT_AT = 148  # of tcpi_min_rtt in struct tcp_info, microseconds (linux/tcp.h, since 4.9)


class ChannelEvents(Protocol):
    """What a channel tells its owner. Called on the loop; none of it may block."""

    def received(self, data: bytes) -> None:
        """Bytes of the remote program's stdout."""

    def complained(self, data: bytes) -> None:
        """Bytes of its stderr."""

    def ended(self, exit_status: int | None, error: Exception | None) -> None:
        """The channel is closed. A status of None means that it was cut off, never success."""


class _Session(asyncssh.SSHClientSession[bytes]):
    """Hands a channel's bytes on without looking at them."""

    def __init__(self, events: ChannelEvents) -> None:
        self._events = events
        self._status: int | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is None:
            self._events.received(data)
        else:
            self._events.complained(data)

    def exit_status_received(self, status: int) -> None:
        self._status = status

    def connection_lost(self, exc: Exception | None) -> None:
        self.writable.set()
        self._events.ended(self._status, exc)


class Channel:
    """A running remote program: its stdin to write to."""

    def __init__(self, channel: asyncssh.SSHClientChannel[bytes], session: _Session) -> None:
        self._channel = channel
        self._session = session

    def write(self, data: bytes) -> None:
        """Send bytes to the program's stdin.

        Raises:
            ConnectionLostError: the channel is closed.
        """
        try:
            self._channel.write(data)
        except (BrokenPipeError, OSError) as error:
            raise ConnectionLostError("the channel is closed") from error

    async def drain(self) -> None:
        """Wait until little of what was written waits to be sent, or the channel is closed."""
        await self._session.writable.wait()

    def pause_reading(self) -> None:
        """Let the program wait with its output, as soon as the window is full."""
        self._channel.pause_reading()

    def resume_reading(self) -> None:
        """Take output again."""
        self._channel.resume_reading()

    def write_eof(self) -> None:
        """Close the program's stdin."""
        if not self._channel.is_closing():
            self._channel.write_eof()

    def close(self) -> None:
        """Close the channel; a program without a pty goes on until it notices."""
        self._channel.close()


class Connection:
    """An authenticated connection.

    Args:
        connection: asyncssh's.
        route: the aliases passed on the way, the host itself last.
        proxy: the running ``ProxyCommand``, ended with the connection.
    """

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        route: tuple[str, ...],
        proxy: ProxyProcess | None = None,
    ) -> None:
        self._connection = connection
        self._proxy = proxy
        self._opened_before = False
        self.route = route
        tune(connection)

    @property
    def asyncssh_connection(self) -> asyncssh.SSHClientConnection:
        """The connection itself, for use as a tunnel inside ``ssh/``."""
        return self._connection

    @property
    def is_closed(self) -> bool:
        """True when the connection is gone or going."""
        return bool(self._connection.is_closed())

    @property
    def latency_s(self) -> float | None:
        """The shortest round trip that the kernel saw, in seconds; None where it cannot tell.

        Our own clock would count the time that a busy loop takes to look at the answer. Behind a
        bastion there is no TCP connection of ours to the host.
        """
        sock = self._connection.get_extra_info("socket")
        info = getattr(socket, "TCP_INFO", None)
        if len(self.route) > 1 or sys.platform != "linux" or sock is None or info is None:
            return None
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        raw = sock.getsockopt(socket.IPPROTO_TCP, info, MIN_RTT_AT + 4)
        if len(raw) < MIN_RTT_AT + 4:
            return None
        return int.from_bytes(raw[MIN_RTT_AT:], sys.byteorder) / 1e6

    async def open(self, command: str, events: ChannelEvents) -> Channel:
        """Start a remote program and give the channel to it.

        Args:
            command: the command line, for the user's login shell.
            events: told of everything that arrives, from now on.

        Raises:
            ConnectionLostError: the connection is gone.
            NoSessionError: the host refused a session.
        """
        try:
            async with asyncio.TaskGroup() as group:
                opening = group.create_task(
                    self._connection.create_session(
                        lambda: _Session(events),
                        command,
                        encoding=None,
                        env=None,
                        send_env=None,
                        request_pty=False,
                    )
                )
                if not self._opened_before:
                    self._opened_before = True
                    await asyncio.sleep(0)
                    self._acknowledge_now()
        except* asyncssh.ChannelOpenError as errors:
            text = "; ".join(str(error) for error in errors.exceptions)
            raise NoSessionError(f"the host refused a session: {text}") from errors
        except* (asyncssh.Error, OSError) as errors:
            text = "; ".join(str(error) for error in errors.exceptions)
            raise ConnectionLostError(f"connection lost: {text}") from errors
        channel, session = opening.result()
        assert isinstance(session, _Session)
        return Channel(channel, session)

    def _acknowledge_now(self) -> None:
        """Spare the first command 40 ms.

        Nagle's algorithm in sshd waits for an acknowledgement that our kernel delays; asked for
        just after the first channel open was sent, it comes at once (46.7 -> 5.1 ms, measured).
        """
        sock = self._connection.get_extra_info("socket")
        quickack = getattr(socket, "TCP_QUICKACK", None)  # Linux
        if quickack and sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, quickack, 1)

    async def wait_closed(self) -> None:
        """Wait until the connection is gone, for whatever reason."""
        await self._connection.wait_closed()

    async def close(self) -> None:
        """Close the connection and wait for it; a host that does not answer is not waited for."""
        try:
            self._connection.close()
            await self._connection.wait_closed()
        finally:
            if self._proxy is not None:
                await self._proxy.close()
