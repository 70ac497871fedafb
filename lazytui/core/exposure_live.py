"""An exposure that is up: its listeners, the hosts it needs, and how each of them is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.core.exposure_link import Link, SourceLink, TargetLink
from lazytui.core.exposure_local import LocalEnd
from lazytui.core.exposure_model import LOOPBACK, MANAGER, Direction, Exposure
from lazytui.core.exposure_row import Row
from lazytui.core.model import HostState
from lazytui.ssh.traffic import TargetRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lazytui.core.exposure_model import ExposureSpec
    from lazytui.core.exposure_store import Session
    from lazytui.core.runtime import Runtime
    from lazytui.ssh.forward import Stream
    from lazytui.ssh.traffic import Spawn

WAIT_S = 20.0  # how long a client waits for a host that is not connected


class LiveExposure:
    """Holds an exposure until it is closed.

    Args:
        spec: its definition.
        runtime_of: gives the runtime of a host, and sees to it that it gets connected.
        spawn: runs what it does in the background.
        sessions: the sshd of each host that held its ports before.
        on_state: called with this after each change of state.
        on_traffic: called with this after each change of a counter; must be quick.
        on_session: called when another sshd holds its ports.
    """

    def __init__(
        self,
        spec: ExposureSpec,
        *,
        runtime_of: Callable[[str], Runtime],
        spawn: Spawn,
        sessions: Mapping[str, Session],
        on_state: Callable[[LiveExposure], None],
        on_traffic: Callable[[LiveExposure], None],
        on_session: Callable[[LiveExposure], None],
    ) -> None:
        self.spec = spec
        self.sessions = dict(sessions)
        self._runtime_of = runtime_of
        self._spawn = spawn
        self._on_state = on_state
        self._on_traffic = on_traffic
        self._on_session = on_session
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._targets: dict[str, TargetLink] = {}
        self._source: Link | None = None
        self._local: LocalEnd | None = None
        self._rows: list[Row] = []

    # -- how it is

    def snapshot(self) -> Exposure:
        """Give it as it is at this moment."""
        return Exposure(self.spec, tuple(row.snapshot() for row in self._rows))

    @property
    def rows(self) -> list[Row]:
        """Its listeners."""
        return self._rows

    @property
    def targets(self) -> list[str]:
        """The hosts on which it listens."""
        return list(self._targets)

    @property
    def source(self) -> Link | None:
        """The host with the service, followed; None when that is on the manager."""
        return self._source

    def needs(self, host: str) -> bool:
        """Whether a host takes part."""
        return host in self._targets or host == self.spec.source

    # -- up and down

    async def start(self, hosts: Iterable[str]) -> None:
        """Set it all up, or nothing of it.

        Args:
            hosts: where it listens; none for the manager.

        Raises:
            PortInUseError, ExposureError: somewhere it could not be set up; nothing is left of it.
        """
        try:
            self._begin(hosts)
            if self._local is not None:
                await self._local.open()
            links = [*self._targets.values(), *([self._source] if self._source else [])]
            async with asyncio.TaskGroup() as group:
                for link in links:
                    group.create_task(link.first())
        except BaseException as error:
            await self.close()
            if isinstance(error, BaseExceptionGroup):
                raise _first(error) from None
            raise

    def resume(self, hosts: Iterable[str]) -> None:
        """Set it up as soon as each part can be; what cannot be says why and is tried again."""
        self._begin(hosts)
        if self._local is not None:
            self._tasks[MANAGER] = self._spawn(self._local.keep(), "exposure on the manager")

    def set_targets(self, hosts: Iterable[str]) -> None:
        """Listen on these hosts from now on: the group has grown or shrunk."""
        wanted = list(hosts)
        for host in wanted:
            if host not in self._targets:
                self._add_target(host)
        for host in self._targets.keys() - set(wanted):
            self._spawn(self._remove_target(host), f"exposure leaves {host}")
        self._on_state(self)

    async def close(self) -> None:
        """Take it all down: nothing listens any more, and all streams are reset."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        links = list(self._targets.values())
        for runtime in [*(link.runtime for link in links), *self._source_runtimes()]:
            runtime.exposures -= 1
        self._targets, self._source = {}, None
        if self._local is not None:
            await self._local.close()
            self._local = None
        await asyncio.gather(*(link.close() for link in links))
        self._rows = []

    # -- inside

    def _begin(self, hosts: Iterable[str]) -> None:
        spec = self.spec
        if spec.on_manager:
            self._rows = [self._row(MANAGER, at) for at in range(len(spec.services))]
            self._local = LocalEnd(self._rows, spec.bind, self._connect, self._spawn)
        for host in hosts:
            self._add_target(host)
        if spec.source:
            link = self._source = SourceLink(
                self._wanted(spec.source),
                lambda _: self._tell_way(),
                self._same if self._local is not None else (),
                lambda: self._local.inodes if self._local is not None else set(),
            )
            self._tell_way()
            self._tasks[f"from {spec.source}"] = self._spawn(link.keep(), f"way to {spec.source}")

    @property
    def _same(self) -> list[int]:
        """The ports that have the same number at both ends: on one machine, one and the same."""
        return [each.port for each in self.spec.services if each.port == each.service]

    def _add_target(self, host: str) -> None:
        rows = [self._row(host, at) for at in range(len(self.spec.services))]
        self._rows += rows
        link = TargetLink(
            self._wanted(host),
            rows,
            self.spec.bind,
            self._connect,
            self.sessions.get(host),
            self._note_session,
            () if self.spec.source else self._same,
        )
        self._targets[host] = link
        self._tell_way()
        self._tasks[host] = self._spawn(link.keep(), f"exposure on {host}")

    async def _remove_target(self, host: str) -> None:
        link = self._targets.pop(host, None)
        if link is None:
            return
        link.runtime.exposures -= 1
        self._rows = [row for row in self._rows if row not in link.rows]
        task = self._tasks.pop(host)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await link.close()
        self._on_state(self)

    def _wanted(self, host: str) -> Runtime:
        """Give a runtime that stays connected for us, tried again now if it is not."""
        runtime = self._runtime_of(host)
        runtime.exposures += 1
        if runtime.state is HostState.INACTIVE:
            runtime.refresh()
        return runtime

    def _source_runtimes(self) -> list[Runtime]:
        return [] if self._source is None else [self._source.runtime]

    def _row(self, host: str, at: int) -> Row:
        return Row(
            host,
            self.spec.services[at],
            lambda: self._on_state(self),
            lambda: self._on_traffic(self),
        )

    def _tell_way(self) -> None:
        """The host with the service has changed: that concerns every listener."""
        if self._source is None:
            return
        condition = self._source.condition
        if condition.reason and self.spec.source and not self.spec.on_manager:
            condition = replace(condition, reason=f"{self.spec.source}: {condition.reason}")
        for row in self._rows:
            row.way(condition)

    def _note_session(self, host: str, session: Session) -> None:
        self.sessions[host] = session
        self._on_session(self)

    async def _connect(self, row: Row, stream: Stream) -> None:
        """Give a client its service.

        Raises:
            TargetRefusedError: nobody takes it.
        """
        from lazytui.ssh import forward

        if self._source is None:
            await forward.dial_manager(stream, LOOPBACK, row.service.service)
        elif self.spec.direction is Direction.SOCKS:
            await self._connect_by_proxy(self._source, stream)
        else:
            connection = await self._source.wait_up(WAIT_S)
            port = row.service.service
            await forward.dial_host(stream, connection, LOOPBACK, port, self._spawn)

    async def _connect_by_proxy(self, source: Link, stream: Stream) -> None:
        """Give a client of the proxy what it asks for."""
        from lazytui.ssh import forward, socks

        host, port = await socks.ask(stream)
        try:
            connection = await source.wait_up(WAIT_S)
            await forward.dial_host(stream, connection, host, port, self._spawn)
        except TargetRefusedError as error:
            socks.refuse(stream)
            raise TargetRefusedError(error.reason, told=True) from error
        socks.accept(stream)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give the first error of a group that may be nested."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
