"""What keeps one host of an exposure: it waits for the connection, sets up, and does so again.

A :class:`Link` follows a host of which only the connection is needed (the one with the service);
a :class:`TargetLink` also has sshd listen there, on the same ports after every new connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import time
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import LOOPBACK, ExposureState
from lazytui.core.exposure_row import CONNECTING, ON, Condition
from lazytui.core.host_ports import bound_as, free_on_manager, listening, who_on_host
from lazytui.core.model import HostState
from lazytui.errors import AgentError, ConnectionLostError, ExposureError, PortInUseError
from lazytui.ssh.traffic import TargetRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lazytui.core.agent import Agent
    from lazytui.core.exposure_row import Row
    from lazytui.core.exposure_store import Session
    from lazytui.core.host_ports import Listening
    from lazytui.core.runtime import Runtime
    from lazytui.ssh.connection import Connection
    from lazytui.ssh.forward import Stream
    from lazytui.ssh.listen import RemoteListener

log = logging.getLogger(__name__)

AGAIN_FIRST_S = 0.25  # before a host is asked again to listen; doubled each time
AGAIN_MAX_S = 15.0


class Link:
    """Follows the connection to a host for an exposure.

    Args:
        runtime: the host.
        tell: called with how it is, after each change.
    """

    def __init__(self, runtime: Runtime, tell: Callable[[Condition], None]) -> None:
        self.runtime = runtime
        self.condition = CONNECTING
        self.connection: Connection | None = None
        self._tell = tell
        self._change = asyncio.Event()

    @property
    def host(self) -> str:
        """The alias of the host."""
        return self.runtime.host

    async def keep(self) -> None:
        """Set up whenever the host is connected; runs until cancelled."""
        attempts = 0
        try:
            while True:
                connection = await self._connected()
                try:
                    await self._set_up(connection)
                except (PortInUseError, ExposureError) as error:
                    attempts += 1
                    await self._pause(connection, error, attempts)
                    continue
                except (AgentError, ConnectionLostError) as error:
                    if connection.is_closed or self.runtime.connection is not connection:
                        await self._gone(connection)
                    else:
                        attempts += 1
                        await self._pause(connection, ExposureError(str(error)), attempts)
                    continue
                attempts = 0
                self.connection = connection
                self._become(ON)
                await self._gone(connection)
                self.connection = None
                self._down()
                self._become(Condition(ExposureState.RETRYING, "connection lost", 1))
        finally:
            self.connection = None

    async def wait_up(self, limit_s: float) -> Connection:
        """Give the connection; a client waits for it up to a limit instead of being refused.

        Raises:
            TargetRefusedError: the host will not come back by itself, or not in time.
        """
        try:
            async with asyncio.timeout(limit_s):
                while (connection := self.connection) is None:
                    if self.condition.state is ExposureState.FAILED:
                        raise TargetRefusedError(f"{self.host}: {self.condition.reason}")
                    await self._change.wait()
                return connection
        except TimeoutError:
            reason = self.condition.reason or "not connected"
            raise TargetRefusedError(f"{self.host}: {reason}") from None

    async def first(self) -> None:
        """Wait until it is on for the first time.

        Raises:
            PortInUseError, ExposureError: it could not be set up; nothing more is tried for this.
        """
        while self.condition.state is ExposureState.CONNECTING:
            await self._change.wait()
        if self.condition.state is not ExposureState.ON:
            reason = self.condition.reason
            raise self.failure or ExposureError(reason, host=self.host, unreached=True)

    async def close(self) -> None:
        """Take down what was set up."""

    # -- for others to fill in

    async def _set_up(self, connection: Connection) -> None:
        """Do what is needed on a fresh connection."""

    def _down(self) -> None:
        """The connection is gone."""

    # -- inside

    failure: PortInUseError | ExposureError | None = None

    async def _connected(self) -> Connection:
        while True:
            connection = self.runtime.connection
            if connection is not None and not connection.is_closed:
                return connection
            self._follow()
            await self.runtime.wait_change()

    def _follow(self) -> None:
        """Say why there is no connection."""
        runtime = self.runtime
        if runtime.state is not HostState.INACTIVE:
            was_up = self.condition.state is ExposureState.RETRYING
            attempts = max(1, runtime.attempts)
            reason = runtime.reason if runtime.state is HostState.STALE else "connecting again"
            again = Condition(ExposureState.RETRYING, reason, attempts)
            self._become(again if was_up else CONNECTING)
            return
        wait_s = runtime.next_try_s()
        if wait_s is None:
            self._become(Condition(ExposureState.FAILED, runtime.reason))
        else:
            again_at = time.monotonic() + wait_s
            self._become(
                Condition(ExposureState.RETRYING, runtime.reason, runtime.attempts, again_at)
            )

    async def _pause(
        self, connection: Connection, error: PortInUseError | ExposureError, attempts: int
    ) -> None:
        """Wait before it is tried again on the same connection, or until that is gone."""
        self.failure = error
        reason = error.reason if isinstance(error, ExposureError) else str(error)
        if isinstance(error, ExposureError) and not error.retry:
            self._become(Condition(ExposureState.FAILED, reason, attempts))
            await self._gone(connection)
            return
        ceiling = min(AGAIN_MAX_S, AGAIN_FIRST_S * 2 ** min(attempts - 1, 20))
        wait_s = random.uniform(ceiling / 2, ceiling)  # noqa: S311
        again_at = time.monotonic() + wait_s
        self._become(Condition(ExposureState.RETRYING, reason, attempts, again_at))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._gone(connection)

    async def _gone(self, connection: Connection) -> None:
        """Wait until a connection is no longer the host's."""
        while self.runtime.connection is connection and not connection.is_closed:
            await self.runtime.wait_change()

    def _become(self, condition: Condition) -> None:
        if condition == self.condition:
            return
        self.condition = condition
        self._change.set()
        self._change = asyncio.Event()
        self._tell(condition)


def would_come_back(host: str, port: int) -> ExposureError:
    """Give the error for a host that is the manager, where a port would lead to itself."""
    reason = (
        f"{host} is this machine, where port {port} would lead to itself for ever: "
        "make it reachable as another port"
    )
    return ExposureError(reason, host=host, retry=False)


class SourceLink(Link):
    """Follows the host with the service, which must not be the listener itself.

    Args:
        runtime: the host.
        tell: called with how it is, after each change.
        ports: of the services.
        inodes: gives those of the sockets that listen on the manager for them.
    """

    def __init__(
        self,
        runtime: Runtime,
        tell: Callable[[Condition], None],
        ports: Sequence[int],
        inodes: Callable[[], set[int]],
    ) -> None:
        super().__init__(runtime, tell)
        self._ports = ports
        self._inodes = inodes

    async def _set_up(self, connection: Connection) -> None:
        if not self._ports:
            return
        if (agent := self.runtime.agent) is None:
            raise ConnectionLostError("connection lost")
        ours = self._inodes()
        for each in await listening(agent, self._ports, who=True) or []:
            if each.pid == os.getpid() and each.inode in ours:
                raise would_come_back(self.host, each.port)


class TargetLink(Link):
    """Has sshd on a host listen for an exposure.

    Args:
        runtime: the host.
        rows: its listeners there.
        bind: the address to listen on.
        connect: gives a client its service; raises TargetRefusedError.
        session: the sshd that held the ports before, if one is known.
        on_session: told which sshd holds them now.
        same: those ports that the service has on the manager, which the host must not be then.
    """

    def __init__(
        self,
        runtime: Runtime,
        rows: Sequence[Row],
        bind: str,
        connect: Callable[[Row, Stream], Awaitable[None]],
        session: Session | None,
        on_session: Callable[[str, Session], None],
        same: Sequence[int] = (),
    ) -> None:
        super().__init__(runtime, self._tell_rows)
        self.rows = rows
        self._bind = bind
        self._connect = connect
        self._session = session
        self._on_session = on_session
        self._same = same
        self._listeners: list[RemoteListener] = []

    async def close(self) -> None:
        """Have sshd stop listening, and reset the streams."""
        listeners, self._listeners = self._listeners, []
        await asyncio.gather(*(listener.close() for listener in listeners))

    def _tell_rows(self, condition: Condition) -> None:
        for row in self.rows:
            row.listener(condition)

    def _down(self) -> None:
        for listener in self._listeners:
            listener.cut()
        self._listeners = []
        for row in self.rows:
            row.address = ""

    async def _set_up(self, connection: Connection) -> None:
        agent = self.runtime.agent
        if agent is None:
            raise ConnectionLostError("connection lost")
        ports = [row.service.port for row in self.rows]
        before = await listening(agent, ports) or [] if self._bind != LOOPBACK else []
        free = [port for port in self._same if free_on_manager(port, LOOPBACK)]
        try:
            await self._open(connection, agent)
            for port in free:
                if not free_on_manager(port, LOOPBACK):  # what sshd there has bound is here
                    raise would_come_back(self.host, port)
            now = await listening(agent, ports)
            for row in self.rows:
                row.address = self._bind if now is None else await self._bound(row, now, before)
            await self._remember(agent)
        except BaseException:
            await self.close()
            raise

    async def _open(self, connection: Connection, agent: Agent) -> None:
        missing = await self._listen(connection, self.rows)
        if missing and await self._end_old_session(agent):
            missing = await self._listen(connection, missing)
        if missing:
            raise await self._why_not(agent, missing[0].service.port)

    async def _listen(self, connection: Connection, rows: Sequence[Row]) -> list[Row]:
        """Ask for all ports at once; gives the rows that sshd refused."""
        from lazytui.ssh.listen import RemoteListener

        def opened(row: Row) -> RemoteListener:
            async def connect(stream: Stream) -> None:
                await self._connect(row, stream)

            return RemoteListener(row.traffic, connect, row.outcomes)

        listeners = [opened(row) for row in rows]
        answers = await asyncio.gather(
            *(
                listener.open(connection, self._bind, row.service.port)
                for listener, row in zip(listeners, rows, strict=True)
            ),
            return_exceptions=True,
        )
        taken = zip(listeners, answers, strict=True)
        self._listeners += [listener for listener, answer in taken if answer is True]
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [row for row, answer in zip(rows, answers, strict=True) if not answer]

    async def _end_old_session(self, agent: Agent) -> bool:
        """End the sshd of our lost connection, which keeps our ports; whether there was one."""
        if self._session is None:
            return False
        pid, start = self._session
        self._session = None
        reply = await agent.request("ports_end_session", pid=pid, start=start)
        if not reply.get("ended"):
            return False
        log.info("%s: ended sshd %d of a lost connection, which kept its ports", self.host, pid)
        # It frees them a moment after the signal; asked again, sshd would answer as before.
        await asyncio.sleep(AGAIN_FIRST_S)
        return True

    async def _why_not(self, agent: Agent, port: int) -> PortInUseError | ExposureError:
        if who := await who_on_host(agent, port):
            return PortInUseError(port, runtime=self.host, detail=who)
        if port < 1024:
            reason = f"port {port} is below 1024, which only root may use there: use a higher one"
            return ExposureError(reason, host=self.host, retry=False)
        reason = f"sshd does not listen on {port} (AllowTcpForwarding, PermitListen?)"
        return ExposureError(reason, host=self.host)

    async def _bound(self, row: Row, now: Sequence[Listening], before: Sequence[Listening]) -> str:
        """Read back where it listens, as sshd calls it success also when it is elsewhere."""
        port = row.service.port
        address, problem = bound_as(self._bind, port, now, before)
        if problem == "loopback":
            reason = (
                f"sshd there listens on {address} only, not on {self._bind}: set GatewayPorts "
                f"clientspecified in its sshd_config, or use {LOOPBACK}"
            )
            raise ExposureError(reason, host=self.host, retry=False)
        if problem:
            who = next((each.who for each in before if each.port == port), "")
            raise PortInUseError(port, runtime=self.host, detail=who or f"for {self._bind}")
        return address

    async def _remember(self, agent: Agent) -> None:
        reply = await agent.request("ports_session")
        if reply.get("start"):
            self._session = (int(reply["pid"]), str(reply["start"]))
            self._on_session(self.host, self._session)
