"""Listeners of exposures: a port on the manager, or one on a host, and the streams of each."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from typing import TYPE_CHECKING, Any

import asyncssh

from lazytui.errors import ConnectionLostError, ExposureError, PortInUseError
from lazytui.ssh.forward import ChannelEnd, SocketEnd, Stream
from lazytui.ssh.traffic import TargetRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lazytui.ssh.connection import Connection
    from lazytui.ssh.traffic import Outcomes, Spawn, Traffic

    Connect = Callable[[Stream], Awaitable[None]]

BACKLOG = 4096  # clients that may knock at once, until the loop looks


class LocalListener:
    """A port of the manager that stays taken until it is closed, whatever happens to hosts.

    Args:
        traffic: counts its streams.
        connect: gives a stream its service; raises TargetRefusedError.
        outcomes: told what became of each client.
        spawn: runs what each client needs.
    """

    def __init__(
        self, traffic: Traffic, connect: Connect, outcomes: Outcomes, spawn: Spawn
    ) -> None:
        self.traffic = traffic
        self.address = ""
        self._connect = connect
        self._outcomes = outcomes
        self._spawn = spawn
        self._streams: set[Stream] = set()
        self._server: asyncio.Server | None = None

    async def open(self, bind: str, port: int) -> None:
        """Listen; this is the check whether the port is free.

        Raises:
            PortInUseError: something else listens there.
            ExposureError: the port may not be used, or there is no such address.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._client, bind, port, backlog=BACKLOG, reuse_address=True
            )
        except OSError as error:
            raise _cannot_listen(error, bind, port) from error
        self.address = str(self._server.sockets[0].getsockname()[0])

    @property
    def inodes(self) -> set[int]:
        """What tells its sockets from others of this machine."""
        sockets = self._server.sockets if self._server is not None else ()
        return {os.fstat(each.fileno()).st_ino for each in sockets}

    def cut(self) -> None:
        """Reset the streams whose service is known: the way to it is gone."""
        for stream in list(self._streams):
            if stream.service is not None:
                stream.reset()

    async def close(self) -> None:
        """Give the port free and reset all streams."""
        if self._server is not None:
            self._server.close()
        for stream in list(self._streams):
            stream.reset()

    def _client(self) -> SocketEnd:
        stream = Stream(self.traffic, self._streams)
        stream.client = _Client(stream, self._accepted)
        return stream.client

    def _accepted(self, stream: Stream) -> None:
        self._spawn(self._serve(stream), "client")

    async def _serve(self, stream: Stream) -> None:
        assert stream.client is not None
        peer = stream.client.transport.get_extra_info("peername") or ("", 0)
        try:
            await self._connect(stream)
        except TargetRefusedError as error:
            self.traffic.refused += 1
            self._outcomes.put(peer[1], error.reason)
            if error.told:
                stream.close()
            else:
                stream.reset()
        except BaseException:
            stream.reset()
            raise
        else:
            self._outcomes.put(peer[1], "")
            stream.join()


class _Client(SocketEnd):
    """The end of somebody who has just connected."""

    def __init__(self, stream: Stream, accepted: Callable[[Stream], None]) -> None:
        super().__init__(stream, is_client=True)
        self._accepted = accepted

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._accepted(self.stream)


class RemoteListener:
    """A port of a host, for as long as one connection to it lasts.

    Args:
        traffic: counts its streams.
        connect: gives a stream its service; raises TargetRefusedError.
        outcomes: told what became of each client.
    """

    def __init__(self, traffic: Traffic, connect: Connect, outcomes: Outcomes) -> None:
        self.traffic = traffic
        self._connect = connect
        self._outcomes = outcomes
        self._streams: set[Stream] = set()
        self._listener: asyncssh.SSHListener | None = None

    async def open(self, connection: Connection, bind: str, port: int) -> bool:
        """Ask sshd to listen.

        Returns:
            Whether it does. It gives no reason when not: the port is taken, or not allowed.

        Raises:
            ConnectionLostError: the connection is gone.
        """
        try:
            self._listener = await connection.asyncssh_connection.create_server(
                self._client, bind, port, encoding=None
            )
        except asyncssh.ChannelListenError:
            if connection.is_closed:
                raise ConnectionLostError("connection lost") from None
            return False
        except (asyncssh.Error, OSError) as error:
            raise ConnectionLostError(f"connection lost: {error}") from error
        return True

    def cut(self) -> None:
        """Reset all streams: the connection, or the way to the service, is gone."""
        for stream in list(self._streams):
            stream.reset()

    async def close(self) -> None:
        """Give the port free, if the connection lives, and reset all streams."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await listener.wait_closed()
        self.cut()

    async def _client(self, host: str, port: int) -> ChannelEnd:
        """Give a client's channel its end when the service took the connection; else refuse it."""
        stream = Stream(self.traffic, self._streams)
        try:
            await self._connect(stream)
        except TargetRefusedError as error:
            self.traffic.refused += 1
            self._outcomes.put(port, error.reason)
            stream.reset()
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, error.reason) from error
        except BaseException:
            stream.reset()
            raise
        self._outcomes.put(port, "")
        client = _AcceptedChannel(stream, is_client=True)
        stream.client = client
        return client


class _AcceptedChannel(ChannelEnd):
    """The end of a client on a host; the service has been waiting for it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.stream.join()


def _cannot_listen(error: OSError, bind: str, port: int) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(port)
    if error.errno == errno.EACCES:
        return ExposureError(
            f"port {port} is below 1024, which only root may use: choose a higher one", retry=False
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return ExposureError(f"the manager has no address {bind}", retry=False)
    return ExposureError(f"cannot listen on {bind}:{port}: {error.strerror}")
