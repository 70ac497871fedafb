"""The engine: connections, runs and the journal of one user, without a screen.

``async with Engine(...) as engine`` owns everything that runs in the background; leaving it closes
the connections and leaves the jobs running on their hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lazytui.core.arrivals import ArrivalWriter
from lazytui.core.audit import AuditRecord, Deed
from lazytui.core.config_watch import ConfigWatch
from lazytui.core.deeds import Deeds
from lazytui.core.engine_questions import QuestionQueue
from lazytui.core.engine_tasks import TaskDoing
from lazytui.core.events import EventBus, HostsChanged, Notice
from lazytui.core.exposures import Exposures
from lazytui.core.file_deeds import NotedFiles
from lazytui.core.foreign import ForeignWork
from lazytui.core.groups import Groups
from lazytui.core.host_edits import HostEdits
from lazytui.core.journal import Journal, owner_alive, owner_me
from lazytui.core.manager import RuntimeManager
from lazytui.core.needs import Needs
from lazytui.core.placement import least_busy
from lazytui.core.presence import Presence
from lazytui.core.run_queue import RunQueue
from lazytui.core.runs import Runs
from lazytui.core.spool import SpoolWriter
from lazytui.ssh.late_connector import LateConnector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.cluster_model import Clusters
    from lazytui.core.groups import Group
    from lazytui.core.history import PastCommand
    from lazytui.core.live_run import LiveRun
    from lazytui.core.paths import Paths
    from lazytui.core.runtime import Runtime
    from lazytui.core.settings import Settings
    from lazytui.core.where import Where
    from lazytui.program import Program
    from lazytui.ssh.config import SSHConfig
    from lazytui.ssh.credentials import Asker

log = logging.getLogger(__name__)


class Engine(TaskDoing, QuestionQueue):
    """The running core. Use it as an async context manager.

    Args:
        config: the ssh config.
        settings: everything adjustable.
        paths: where journal, spools and log are; already created.
        asker: who answers questions; by default they wait in :attr:`questions` for a screen.
        origin: who starts tasks: ``screen``, ``command line`` or ``script``.
        config_path: the ssh config as the user knows it.
        problems: what was wrong in the settings, to be shown.
        home: the user's home.
    """

    def __init__(
        self,
        config: SSHConfig,
        settings: Settings,
        paths: Paths,
        *,
        asker: Asker | None = None,
        origin: str = "screen",
        config_path: str = "~/.ssh/config",
        problems: Iterable[object] = (),
        home: Path | None = None,
    ) -> None:
        self.config = config
        self.settings = settings
        self.paths = paths
        QuestionQueue.__init__(self)
        self.events = EventBus()
        self.presence = Presence(self.events)
        self.needs = Needs(self.events)
        self.origin = origin
        self.config_path = config_path
        self.problems: tuple[object, ...] = (*problems, *config.problems)
        self._config_trouble: tuple[object, ...] = config.problems
        self._connector = LateConnector(
            config, settings.connect, asker or self, home=home or Path.home()
        )
        self._owner = owner_me()
        self._group = asyncio.TaskGroup()
        self._stack = contextlib.AsyncExitStack()
        self._watching: list[asyncio.Task[None]] = []
        self._follows_config = False
        self.manager = RuntimeManager(
            config, self._connector, settings, self.events, self._group, self.start_runs
        )
        self.files: NotedFiles
        self.host_edits: HostEdits
        self.kept_groups: Groups
        self.exposures: Exposures
        self.clusters: Clusters  # of whoever puts the program together: a floor above this one
        self.port_claims: set[int] = set()  # that parts of clusters have chosen
        self._deeds: Deeds
        self.journal: Journal
        self.runs: Runs
        self._arrivals: ArrivalWriter

    async def __aenter__(self) -> Self:
        _raise_file_limit()
        async with contextlib.AsyncExitStack() as stack:
            self.journal = await stack.enter_async_context(
                Journal(self.paths.journal, spool_dir=self.paths.spool_dir, on_notice=self._notice)
            )
            self.problems = (*self.problems, *self.journal.notices)
            stack.push_async_callback(self._connector.close)
            spool = SpoolWriter(
                self.paths.spool_dir,
                on_growth=self._grew,
                on_trouble=self._notice,
            )
            self._arrivals = await stack.enter_async_context(ArrivalWriter(self.paths.spool_dir))
            await stack.enter_async_context(spool)
            stack.push_async_callback(self._end_tasks)
            await self._group.__aenter__()
            self.runs = Runs(
                journal=self.journal,
                spool=spool,
                events=self.events,
                settings=self.settings.run,
                runtime_of=self.connected,
                queue=self._queue(),
                spool_path=lambda run_id: str(spool.path(run_id)),
                owner=self._owner,
                group=self._group,
            )
            await self.runs.load()
            self._deeds = Deeds(self.journal, self.events, self.origin)
            self.files = NotedFiles(self.connected, self._deeds)
            self.host_edits = HostEdits(lambda: self.config, self._deeds)
            self.kept_groups = Groups(self.journal, self.manager, self.events, self._deeds)
            await self.kept_groups.load()
            self.exposures = await stack.enter_async_context(
                Exposures(
                    journal=self.journal,
                    manager=self.manager,
                    groups=self.kept_groups,
                    events=self.events,
                    deeds=self._deeds,
                    needs=self.needs,
                    owner=self._owner,
                )
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _end_tasks(self) -> None:
        """Cancel everything in the background and wait until it is gone."""
        await self.runs.goodbye()
        left = self.runs.driven()
        tasks = [*self.manager.supervisors, *self.runs.drivers()]
        tasks += self._watching
        for task in tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        await self.runs.release(left)

    # -- hosts

    @property
    def runtimes(self) -> dict[str, Runtime]:
        """All hosts of the ssh config, active or not, by alias."""
        return self.manager.known

    def runtime(self, host: str) -> Runtime:
        """Give the runtime of a host; see :meth:`RuntimeManager.runtime`."""
        return self.manager.runtime(host)

    def connected(self, host: str) -> Runtime:
        """Give the runtime of a host, and see to it that it gets connected."""
        return self.manager.connected(host)

    async def detect(self, hosts: Iterable[str] | None = None) -> list[Runtime]:
        """Connect to hosts and wait until each is known; see :meth:`RuntimeManager.detect`."""
        return await self.manager.detect(hosts)

    def watch(self) -> None:
        """Connect to all hosts, keep them connected, and know their facts, for a screen.

        What other processes do with the journal is followed from then on, too, and the exposures
        that nobody holds are taken up again.
        """
        if not self.manager.watching:
            others = ForeignWork(
                journal=self.journal,
                runs=self.runs,
                groups=self.kept_groups,
                events=self.events,
                runtime_of=self.runtime,
                adopt=self.adopt,
                owner=self._owner,
            )
            self._watching += [
                self._group.create_task(self.kept_groups.keep_asking(), name="queries"),
                self._group.create_task(others.keep_watching(), name="work of others"),
                self._group.create_task(self.exposures.restore(), name="exposures"),
            ]
        self.watch_config()
        self.manager.watch()

    def watch_config(self) -> None:
        """Follow changes of the ssh config from now on."""
        if not self._follows_config:
            self._follows_config = True
            watch = ConfigWatch(self.config, self._use_config, self._config_problems, self.events)
            task = self._group.create_task(watch.keep_watching(), name="ssh config")
            self._watching.append(task)

    def watch_metrics(self) -> None:
        """Sample the load of every connected host from now on."""
        self.manager.watch_metrics()

    async def sample(self) -> None:
        """Read the load of every active host once; see :meth:`RuntimeManager.sample`."""
        await self.manager.sample()

    async def refresh(self, hosts: Sequence[str] | None = None) -> None:
        """Try inactive hosts again now, and let all be asked again what filters want to know."""
        self.manager.refresh(hosts)

    async def ask_facts(self, where: Where | None = None) -> None:
        """Have hosts answer what a WHERE wants to know, also through the groups it names.

        Only connected hosts are asked, and none what it answered in the last minute.

        Args:
            where: by default the queries of all live groups.
        """
        await self.manager.probe(self.kept_groups.probes(where))

    async def learn(self, where: Where | None = None) -> None:
        """Connect to hosts, if a WHERE needs more than their names, and read all it needs.

        Args:
            where: by default the queries of all live groups.
        """
        if self.kept_groups.needs_facts(where):
            await self.detect()
            await self.sample()
            await self.ask_facts(where)

    async def select(self, where: Where) -> list[str]:
        """Give the hosts for which a WHERE holds; they are connected and asked where needed.

        Raises:
            UsageError: it names an unknown host or group.
        """
        facts = list(self.runtimes.values())
        where.select(facts, await self.groups())  # an unknown name is told before connecting
        await self.learn(where)
        return where.select(facts, self.kept_groups.members())

    @property
    def deeds(self) -> Deeds:
        """Where is noted what somebody does with the engine."""
        return self._deeds

    # -- what is known of runs

    async def audit(self, limit: int) -> list[AuditRecord]:
        """List what was done with the engines of this user, the newest first."""
        return await self.journal.audit(limit)

    def needed(self) -> list[str]:
        """Say what would stop, or be picked up late, if the engine ended now; empty for nothing."""
        count = len(self.runs.driven())
        runs = [f"{count} {'run' if count == 1 else 'runs'}"] if count else []
        return runs + self.needs.reasons()

    async def adopt(self) -> list[LiveRun]:
        """Take over the runs whose owner died, and drive them to their end."""
        return await self.runs.adopt(owner_alive)

    def least_busy(self, hosts: Sequence[str]) -> Runtime:
        """Give the active runtime with the fewest alive runs.

        Ties go to the one with most free memory, then to the first.

        Raises:
            UsageError: none of the hosts is active.
        """
        return self.runtime(least_busy(map(self.runtime, hosts)).host)

    async def history(self, limit: int = 200) -> list[PastCommand]:
        """List the distinct commands that were run, the newest first."""
        return await self.journal.commands(limit)

    async def open_shell(self, host: str, *, term: str, size: tuple[int, int]) -> Program:
        """Open a shell on a host, for a terminal; see :func:`lazytui.core.shells.open_shell`."""
        from lazytui.core.shells import open_shell

        opened = await open_shell(self.connected(host), term=term, size=size)
        await self._deeds.note(Deed.SHELL_OPENED, "", [host])
        return opened

    # -- groups

    async def groups(self) -> dict[str, list[str]]:
        """Give the groups by name, with the hosts that are in them now."""
        await self.kept_groups.load()
        return self.kept_groups.members()

    def groups_now(self) -> list[Group]:
        """Give the groups read last, with the members they have at this moment."""
        return self.kept_groups.now()

    async def add_group(self, name: str, hosts: Sequence[str], where: str) -> None:
        """Keep fixed hosts by name; see :meth:`Groups.keep`."""
        await self.kept_groups.keep(name, hosts, where)

    async def add_query(self, name: str, where: str) -> None:
        """Keep a live group by name; see :meth:`Groups.keep_query`."""
        await self.kept_groups.keep_query(name, where)

    async def rename_group(self, old: str, new: str) -> None:
        """Give a group another name; see :meth:`Groups.rename`."""
        await self.kept_groups.rename(old, new)

    async def remove_group(self, name: str) -> bool:
        """Forget a group; False when there is none of that name."""
        return await self.kept_groups.remove(name)

    # -- inside

    async def _use_config(self, config: SSHConfig) -> None:
        self.config = config
        await self.manager.use(config)
        self.events.publish(HostsChanged())

    def _config_problems(self, problems: tuple[object, ...]) -> None:
        before = set(map(str, self._config_trouble))
        kept = [problem for problem in self.problems if str(problem) not in before]
        self._config_trouble = problems
        self.problems = (*problems, *kept)
        self.events.publish(HostsChanged())

    def _queue(self) -> RunQueue:
        return RunQueue(
            connected=self.connected,
            watch_load=self.watch_metrics,
            probe=self.manager.probe,
            members=self._members,
            events=self.events,
            group=self._group,
        )

    def _members(self) -> dict[str, list[str]]:
        return self.kept_groups.members()

    def _grew(self, run_id: str, size: int, written: int) -> None:
        self._arrivals.note(run_id, size)
        self.runs.output_grew(run_id, size, written)

    def _notice(self, text: str) -> None:
        log.warning("%s", text)
        self.events.publish(Notice(text, "error"))


def _raise_file_limit() -> None:
    """Allow as many open files as the system lets us: each host needs some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
