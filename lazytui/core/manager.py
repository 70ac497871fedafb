"""The manager of all hosts: it connects, keeps connected, asks, and makes groups of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from lazytui.core.group import RuntimeGroup
from lazytui.core.model import HostState
from lazytui.core.runtime import Runtime
from lazytui.core.where import parse_where, quote
from lazytui.errors import NoRuntimesDetectedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from lazytui.core.events import EventBus
    from lazytui.core.group import Start
    from lazytui.core.probes import Probe
    from lazytui.core.settings import Settings
    from lazytui.ssh.config import HostEntry, SSHConfig
    from lazytui.ssh.late_connector import LateConnector
    from lazytui.ssh.login import Login


class RuntimeManager:
    """All hosts of an ssh config: runtimes, and inactive ones with the reason.

    Args:
        config: the ssh config.
        connector: makes connections.
        settings: intervals and per-host overrides.
        events: where changes are published.
        background: owns the connections.
        start: runs a task on hosts, for the groups.
    """

    def __init__(
        self,
        config: SSHConfig,
        connector: LateConnector,
        settings: Settings,
        events: EventBus,
        background: asyncio.TaskGroup,
        start: Start,
    ) -> None:
        self._connector = connector
        self._settings = settings
        self._events = events
        self._background = background
        self._start = start
        self._supervisors: dict[str, asyncio.Task[None]] = {}
        self._metrics_interval = 0.0
        self._persistent = False
        self.known: dict[str, Runtime] = {
            entry.alias: self._make(entry.alias, entry) for entry in config.entries
        }
        self._others: dict[str, Runtime] = {}

    # -- which there are

    @property
    def runtimes(self) -> list[Runtime]:
        """The hosts that are active now, in the order of the ssh config."""
        return [r for r in self.known.values() if r.state is HostState.ACTIVE]

    @property
    def inactive(self) -> list[Runtime]:
        """The hosts that cannot be used now; each says why."""
        return [r for r in self.known.values() if r.state is HostState.INACTIVE]

    @property
    def watching(self) -> bool:
        """Hosts are kept connected, because a screen shows them."""
        return self._persistent

    @property
    def supervisors(self) -> list[asyncio.Task[None]]:
        """What keeps the hosts connected; to be cancelled at the end."""
        return list(self._supervisors.values())

    def runtime(self, host: str) -> Runtime:
        """Give the runtime of a host; one that is not in the ssh config is made up for it."""
        found = self.known.get(host) or self._others.get(host)
        if found is None:
            found = self._others[host] = self._make(host, None)
        return found

    def knows(self, host: str) -> bool:
        """Whether a host is in the ssh config, or was made up for a script."""
        return host in self.known or host in self._others

    def _make(self, host: str, entry: HostEntry | None) -> Runtime:
        return Runtime(host, entry, self._connector, self._settings, self._events)

    # -- connecting

    def connected(self, host: str) -> Runtime:
        """Give the runtime of a host, and see to it that it gets connected."""
        runtime = self.runtime(host)
        runtime.persistent = self._persistent
        if self._metrics_interval:
            runtime.set_metrics_interval(self._metrics_interval)
        if host not in self._supervisors:
            self._supervisors[host] = self._background.create_task(
                runtime.supervise(), name=f"connection {host}"
            )
        return runtime

    async def use(self, config: SSHConfig) -> None:
        """Take another ssh config: hosts that are new come, others go, those that moved connect.

        What still runs on a host that is gone is brought to its end; then nobody needs it.

        Args:
            config: as it was read just now.
        """
        before = self._connector.config
        entries = {entry.alias: entry for entry in config.entries}
        gone = [host for host in self.known if host not in entries]
        moved = [
            host
            for host in self._supervisors
            if host in entries and before.resolve(host) != config.resolve(host)
        ]
        self._connector.use(config)
        known = {alias: self._listed(alias, entry) for alias, entry in entries.items()}
        for host in gone:
            runtime = self._others[host] = self.known[host]
            runtime.entry, runtime.persistent = None, False
        self.known.clear()  # in place: others look into it, too
        self.known.update(known)
        await asyncio.gather(*map(self.disconnect, moved))
        await asyncio.gather(*map(self._leave, gone))
        for host in self.known if self._persistent else moved:
            self.connected(host)

    def _listed(self, host: str, entry: HostEntry) -> Runtime:
        runtime = self.known.get(host) or self._others.pop(host, None) or self._make(host, entry)
        runtime.entry = entry
        return runtime

    async def _leave(self, host: str) -> None:
        """Let go of a host that is in the ssh config no more, unless something needs it."""
        runtime = self._others[host]
        if not (runtime.alive_runs or runtime.waiting_runs or runtime.exposures):
            await self.disconnect(host)
            self._others.pop(host, None)

    def log_in(self, host: str, login: Login | None) -> None:
        """Say how to log in to a host from the next connection on; None: as the config says."""
        self._connector.log_in(host, login)

    async def disconnect(self, host: str) -> None:
        """Close the connection to a host; whoever needs it connects again."""
        supervisor = self._supervisors.pop(host, None)
        if supervisor is None:
            return
        supervisor.cancel()
        await asyncio.wait([supervisor])
        self.runtime(host).rest()

    async def detect(self, hosts: Iterable[str] | None = None) -> list[Runtime]:
        """Connect to hosts, all at once, and wait until each is known as active or inactive.

        Args:
            hosts: aliases; all of the ssh config by default.
        """
        runtimes = [self.connected(host) for host in (self.known if hosts is None else hosts)]
        await asyncio.gather(*(runtime.wait_settled() for runtime in runtimes))
        return runtimes

    def watch(self) -> None:
        """Connect to all hosts, keep them connected, and sample their load, for a screen."""
        self._persistent = True
        self.watch_metrics()
        for host in self.known:
            self.connected(host)

    def refresh(self, hosts: Iterable[str] | None = None) -> None:
        """Try inactive hosts again now, and let all answers be asked for again.

        Args:
            hosts: aliases; all of the ssh config by default.
        """
        for host in self.known if hosts is None else hosts:
            runtime = self.connected(host)
            runtime.refresh()
            runtime.answers.expire()

    # -- asking

    def watch_metrics(self) -> None:
        """Sample the load of every connected host from now on."""
        self._metrics_interval = self._settings.metrics.interval_s
        for host in self._supervisors:
            self.runtime(host).set_metrics_interval(self._metrics_interval)

    async def sample(self) -> None:
        """Read the load of every active host once, for filters and placement.

        A host that does not answer in three intervals stays without metrics.
        """
        interval = self._settings.metrics.interval_s
        active = self.runtimes
        with self._events.subscribe() as events:
            for runtime in active:
                runtime.set_metrics_interval(interval)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3 * interval):
                    while any(runtime.metrics is None for runtime in active):
                        await events.drain()
            for runtime in active:
                runtime.set_metrics_interval(self._metrics_interval)

    async def probe(self, probes: AbstractSet[Probe], hosts: Iterable[str] | None = None) -> None:
        """Have hosts answer what they were not asked in the last minute, all at once.

        One that is not connected has no answers. It takes as long as the slowest command, at
        most :data:`lazytui.core.probes.COMMAND_S`.

        Args:
            probes: the questions, of :attr:`lazytui.core.where.Where.probes`.
            hosts: aliases; all of the ssh config by default.
        """
        chosen = map(self.runtime, self.known if hosts is None else hosts)
        asked = [runtime for runtime in chosen if runtime.answers.wants(runtime, probes)]
        await asyncio.gather(*(runtime.probe(probes) for runtime in asked))

    # -- groups

    def group(self, hosts: Iterable[str], name: str = "") -> RuntimeGroup:
        """Make a group of hosts, in their order."""
        return RuntimeGroup(map(self.connected, hosts), self._start, name=name)

    async def create_group(
        self,
        include_hosts: str | Sequence[str] | None = None,
        exclude_hosts: str | Sequence[str] | None = None,
        *,
        gpu_required: bool = False,
        min_memory: int | None = None,
        min_cpu_cores: int | None = None,
        installed_executables: str | Sequence[str] | None = None,
        filter_commands: str | Sequence[str] | None = None,
    ) -> RuntimeGroup:
        """Make a group of the active hosts, or of those that fulfil all that is asked for.

        Args:
            include_hosts: only these.
            exclude_hosts: all but these.
            gpu_required: at least one GPU.
            min_memory: memory in MB (2**20 bytes).
            min_cpu_cores: number of cores.
            installed_executables: programs that must all be on the PATH.
            filter_commands: commands that must all print ``true`` as their last line.

        Raises:
            ValueError: included and excluded hosts are given both, one of them is no host, or a
                filter is empty.
            NoRuntimesDetectedError: no active host fulfils all of it.
        """
        if include_hosts is not None and exclude_hosts is not None:
            raise ValueError("give hosts to include or hosts to exclude, not both")
        named = _several(include_hosts if exclude_hosts is None else exclude_hosts)
        for host in named:
            if host not in self.known:
                raise ValueError(f"{host!r} is no host of the ssh config")
        if include_hosts is not None:
            hosts = list(dict.fromkeys(named))
        else:
            hosts = [host for host in self.known if host not in named]
        text = filter_text(
            gpu_required=gpu_required,
            min_memory=min_memory,
            min_cpu_cores=min_cpu_cores,
            installed_executables=_several(installed_executables),
            filter_commands=_several(filter_commands),
        )
        where = parse_where(text, bare_words="exact")
        active = [r for r in await self.detect(hosts) if r.state is HostState.ACTIVE]
        await self.probe(where.probes, [runtime.host for runtime in active])
        chosen = where.select(active)
        if not chosen:
            asked = f" and fulfils {text}" if text else ""
            raise NoRuntimesDetectedError(f"none of these hosts is active{asked}")
        return self.group(chosen)


def filter_text(
    *,
    gpu_required: bool = False,
    min_memory: int | None = None,
    min_cpu_cores: int | None = None,
    installed_executables: Sequence[str] = (),
    filter_commands: Sequence[str] = (),
) -> str:
    """Write the filters of :meth:`RuntimeManager.create_group` as a WHERE.

    Raises:
        ValueError: a number is none, or a program or a command is empty.
    """
    terms = ["gpu>=1"] if gpu_required else []
    if min_memory is not None:
        terms.append(f"mem>={_number('min_memory', 'of MB', min_memory)}M")
    if min_cpu_cores is not None:
        terms.append(f"cores>={_number('min_cpu_cores', 'of cores', min_cpu_cores)}")
    terms += [f"installed:{quote(_text('program', each))}" for each in installed_executables]
    terms += [f"cmd:{quote(_text('command', each))}" for each in filter_commands]
    return " ".join(terms)


def _number(name: str, of_what: str, given: object) -> object:
    """Give a number of a filter as it is written down."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1 << 63:
        raise ValueError(f"{name} is a number {of_what}, 0 or more, not {given!r}")
    return int(given) if given == int(given) else given


def _text(kind: str, given: object) -> str:
    """Give a program or a command of a filter."""
    if not isinstance(given, str) or not given.strip():
        raise ValueError(f"a {kind} to filter by is text that is not empty, not {given!r}")
    return given


def _several(names: str | Sequence[str] | None) -> Sequence[str]:
    return (names,) if isinstance(names, str) else names or ()
