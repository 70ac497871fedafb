"""The kept clusters of an engine: their definitions in the journal, and those that run.

Light to import: what starts a cluster is imported when one is started.

A cluster ends with its engine. In order: workers, exposures and master are ended, and the journal
says that they were. When the engine is killed, its scheduler or database on the manager ends with
it, the exposures are gone with the connections, and workers give up after a minute; the next
engine says so, ends and removes what is still there, and starts the cluster again when it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from lazytui.clusters.kept import ENGINE_ENDED, ENGINE_KILLED, UP, KeptCluster
from lazytui.core.audit import Deed
from lazytui.core.cluster_model import ClusterState
from lazytui.core.cluster_spec import check_spec
from lazytui.core.cluster_store import NOTHING, ClusterParts, ClusterStore
from lazytui.core.events import ClusterChanged
from lazytui.core.owner import owner_alive, owner_me
from lazytui.errors import JournalError, LazytuiError, MasterStartError, UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from lazytui.clusters.held import HeldCluster
    from lazytui.core.cluster_model import Cluster, ClusterCheck, ClusterLog, ClusterSpec
    from lazytui.core.engine import Engine

log = logging.getLogger(__name__)


class ClusterRegistry:
    """Implements :class:`lazytui.core.cluster_model.Clusters`. An async context.

    Args:
        engine: the running one; it gets this as its ``clusters``.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = ClusterStore(engine.journal)
        self._owner = owner_me()
        self._kept: dict[str, KeptCluster] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._noting: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._closing = False
        self._changing = asyncio.Lock()
        engine.clusters = self

    async def __aenter__(self) -> Self:
        with contextlib.suppress(JournalError):  # it is told by whoever needs it
            await self._load()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End all clusters that run here."""
        self._closing = True
        for kept in self._kept.values():
            self._end(kept)
        lives = {kept.life for kept in self._kept.values() if kept.life is not None}
        for task in self._tasks - lives:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def take_over(self) -> None:
        """Say of clusters whose engine was killed that they are gone, and clear them away."""
        try:
            await self._load()
            for kept in list(self._kept.values()):
                await self._take_over(kept)
        except JournalError as error:
            log.warning("clusters of an engine that was killed are not cleared away: %s", error)

    # -- looking

    def all(self) -> list[Cluster]:
        """List all clusters, in the order in which they were kept."""
        return [kept.shown() for kept in self._kept.values()]

    def get(self, name: str) -> Cluster:
        """Give one; see :meth:`Clusters.get`."""
        return self._named(name).shown()

    async def check(self, spec: ClusterSpec) -> ClusterCheck:
        """Look whether a cluster could start; see :meth:`Clusters.check`."""
        await check_spec(spec, self._engine)
        checking = await _module("checking")
        found: ClusterCheck = await checking.check(self._engine, spec)
        kept = self._kept.get(spec.name)
        if kept is not None and kept.record.spec == spec:
            kept.check = found
            self._changed(kept)
        return found

    async def logs(self, name: str) -> Sequence[ClusterLog]:
        """Give what the parts printed last; of one that has ended, what they printed then."""
        kept = self._named(name)
        return kept.last_words if kept.held is None else await kept.held.logs()

    # -- definitions

    async def add(self, spec: ClusterSpec) -> Cluster:
        """Keep a definition; see :meth:`Clusters.add`."""
        await check_spec(spec, self._engine)
        await self._store.add(spec)
        return await self._defined(spec)

    async def change(self, name: str, spec: ClusterSpec) -> Cluster:
        """Keep another definition; see :meth:`Clusters.change`."""
        async with self._changing:
            await self._load()
            if self.get(name).state in UP:
                raise UsageError(f"{name} is {self.get(name).state}: stop it before it is changed")
            await check_spec(spec, self._engine)
            await self._store.set_spec(name, spec)
            if spec.name != name:
                self._kept.pop(name, None)
                self._engine.events.publish(ClusterChanged(name))
            return await self._defined(spec)

    async def remove(self, name: str) -> None:
        """Stop a cluster and forget it; see :meth:`Clusters.remove`."""
        async with self._changing:
            await self.stop(name)
            await self._store.remove(name)
            self._kept.pop(name, None)
        self._engine.events.publish(ClusterChanged(name))
        await self._engine.deeds.note(Deed.CLUSTER_CHANGED, f"{name}: removed", [])

    # -- running

    async def start(self, name: str) -> None:
        """Start one and wait until it runs; see :meth:`Clusters.start`.

        Whoever waits may leave: the start goes on until :meth:`stop`.
        """
        async with self._changing:
            await self._load()
            kept = self._named(name)
            while kept.life is not None and kept.state is ClusterState.STOPPING:
                await asyncio.wait((kept.life,))
            if kept.life is None:
                await self._begin(kept)
        assert kept.started is not None
        await asyncio.shield(kept.started)

    async def stop(self, name: str, *, force: bool = False) -> None:
        """End workers, exposures and master; see :meth:`Clusters.stop`."""
        await self._load()
        kept = self._named(name)
        if kept.is_elsewhere and kept.state in UP:
            raise UsageError(f"{name} is held by another process: stop it there")
        if kept.life is None:
            if kept.state is not ClusterState.STOPPED:
                await self._claim(kept)
                self._become(kept, ClusterState.STOPPED, "")
                await self._note(kept)
            return
        kept.signals = ("KILL",) if force else ()
        life = kept.life
        self._end(kept)
        await asyncio.wait((life,))

    async def scale(self, name: str, workers: int) -> None:
        """Add workers, or retire the youngest; see :meth:`Clusters.scale`."""
        kept = self._named(name)
        if kept.held is None or kept.state is not ClusterState.RUNNING:
            raise UsageError(f"{name} is {kept.shown().state}, not running: start it first")
        if workers < 1:
            raise UsageError(f"a cluster needs at least one worker, not {workers}")
        hosts = kept.held.hosts
        await kept.held.scale(workers)
        await self._engine.deeds.note(Deed.CLUSTER_CHANGED, f"{name}: {workers} workers", hosts)

    # -- inside: a life

    async def _begin(self, kept: KeptCluster) -> None:
        await self._claim(kept)
        kept.signals, kept.noted = (), None
        kept.started = asyncio.get_running_loop().create_future()
        # Its error is for those who wait, and perhaps nobody does.
        kept.started.add_done_callback(lambda told: told.cancelled() or told.exception())
        self._become(kept, ClusterState.STARTING, "")
        kept.life = life = self._spawn(self._live(kept), f"cluster {kept.name}")

        def over(_: object) -> None:  # it was told to end before it had begun
            if kept.life is life:
                kept.over(ClusterState.STOPPED, "")
                kept.answer(LazytuiError(f"{kept.name} was stopped while it started"))
                self._changed(kept)

        life.add_done_callback(over)
        if self._noting is None:
            self._noting = self._spawn(self._keep_noting(), "states of clusters")

    async def _claim(self, kept: KeptCluster) -> None:
        if await self._store.claim(kept.name, self._owner, owner_alive) is None:
            raise UsageError(f"{kept.name} is held by another process, or gone")

    def _end(self, kept: KeptCluster) -> None:
        """Have a cluster end, if it runs here; being told twice would cut its clean-up."""
        if kept.life is not None and kept.state is not ClusterState.STOPPING:
            self._become(kept, ClusterState.STOPPING, "")
            kept.life.cancel()

    async def _live(self, kept: KeptCluster) -> None:
        """Start a cluster, look after it, and end it; one that fails says why."""
        state, reason = ClusterState.STOPPED, ""
        failure = LazytuiError(f"{kept.name} was stopped while it started")
        with self._engine.needs.held(f"cluster {kept.name}"):
            try:
                state, reason = ClusterState.FAILED, await self._run(kept)
            except asyncio.CancelledError:
                reason = ENGINE_ENDED if self._closing else ""
            except LazytuiError as error:
                state, reason, failure = ClusterState.FAILED, str(error), error
            except Exception as error:
                log.exception("cluster %s", kept.name)
                state, reason = ClusterState.FAILED, f"fault in lazytui: {error!r}"
                failure = LazytuiError(reason)
            reason = sanitize(reason, keep_newlines=True, max_chars=1000)
            kept.over(state, reason)
            await self._note(kept)
        self._changed(kept)
        kept.answer(failure)
        said = sanitize(reason, max_chars=200)
        await self._engine.deeds.note(Deed.CLUSTER_STOPPED, kept.name, [], said)

    async def _run(self, kept: KeptCluster) -> str:
        """Be a cluster until it is cancelled or its master ends; gives the reason then."""
        spec = kept.record.spec
        found = await self.check(spec)
        if found.problems:
            raise MasterStartError(f"{spec.name} was not started. " + "\n".join(found.problems))
        module = await _module("held")
        held: HeldCluster = module.HeldCluster(
            self._engine, spec, found.hosts, lambda: self._changed(kept)
        )
        kept.held = held
        try:
            await held.start()
            kept.since = time.time()
            self._become(kept, ClusterState.RUNNING, "")
            kept.answer(None)
            await self._engine.deeds.note(Deed.CLUSTER_STARTED, spec.name, held.hosts)
            return await held.watch()
        finally:
            self._become(kept, ClusterState.STOPPING, "")
            left = held.parts()  # all of it, should that fail
            try:
                left = await held.stop(*kept.signals)
            finally:
                kept.last_words = held.last_words
                if left != NOTHING:
                    self._sweep(kept, left.with_left(kept.left))

    # -- inside: what is left

    async def _take_over(self, kept: KeptCluster) -> None:
        record = kept.record
        if kept.life is not None or kept.is_elsewhere:
            return
        if record.state not in UP and record.parts == NOTHING:
            return
        claimed = await self._store.claim(kept.name, self._owner, owner_alive)
        if claimed is None:
            return
        if record.state in UP:
            self._become(kept, ClusterState.FAILED, ENGINE_KILLED)
        self._sweep(kept, claimed.parts)
        await self._note(kept)

    def _sweep(self, kept: KeptCluster, parts: ClusterParts) -> None:
        """End and remove what is left of a cluster, in the background."""
        kept.left = parts
        if parts != NOTHING and not self._closing:
            self._spawn(self._swept(kept, parts), f"what is left of {kept.name}")

    async def _swept(self, kept: KeptCluster, parts: ClusterParts) -> None:
        sweeping = await _module("sweeping")
        try:
            with self._engine.needs.held(f"clearing away {kept.name}"):
                await sweeping.sweep(self._engine, parts)
        except LazytuiError as error:
            log.warning("cluster %s is not cleared away: %s", kept.name, error)
            return
        if kept.left == parts:
            kept.left = NOTHING
            await self._note(kept)

    # -- inside: what is known

    def _named(self, name: str) -> KeptCluster:
        kept = self._kept.get(name)
        if kept is None:
            known = ", ".join(self._kept)
            there_are = f"there are {known}" if known else "there are none: lazytui clusters add"
            raise UsageError(f"no cluster {sanitize(name, max_chars=60)}; {there_are}")
        return kept

    async def _load(self) -> None:
        """Read the journal again: another process may have changed something."""
        records = await self._store.all()
        known, self._kept = self._kept, {}
        for record in records:
            name = record.spec.name
            kept = known.pop(name, None) or KeptCluster(record, record.state, record.reason)
            kept.learn(record)
            self._kept[name] = kept
        for name, kept in known.items():
            if kept.life is not None:
                self._kept[name] = kept  # forgotten by another process: it ends when it is told to

    async def _defined(self, spec: ClusterSpec) -> Cluster:
        await self._load()
        kept = self._named(spec.name)
        kept.check = None
        self._changed(kept)
        subject = f"{spec.name}: {spec.kind} on {spec.where}"
        await self._engine.deeds.note(Deed.CLUSTER_CHANGED, subject, [])
        return kept.shown()

    def _become(self, kept: KeptCluster, state: ClusterState, reason: str) -> None:
        kept.state, kept.reason = state, reason
        self._changed(kept)

    def _changed(self, kept: KeptCluster) -> None:
        self._engine.events.publish(ClusterChanged(kept.name))
        self._news.set()

    # -- inside: what is noted

    async def _keep_noting(self) -> None:
        """Keep the journal up to date while something runs here."""
        while True:
            await self._news.wait()
            self._news.clear()
            for kept in list(self._kept.values()):
                if kept.life is not None:
                    await self._note(kept)

    async def _note(self, kept: KeptCluster) -> None:
        """Note how one is, if that has changed; a journal that cannot be written undoes nothing."""
        owner = self._owner if kept.life is not None else ""
        state, reason, parts = kept.state, kept.reason, kept.parts()
        now = (owner, state, reason, parts)
        if now == kept.noted:
            return
        try:
            await self._store.note(kept.name, self._owner, *now)
        except JournalError as error:
            log.warning("the state of a cluster is not noted: %s", error)
            return
        kept.noted = now
        kept.record = replace(kept.record, owner=owner, state=state, reason=reason, parts=parts)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _module(name: str) -> Any:
    """Import a part of this package that takes its time, without holding up others."""
    return await asyncio.to_thread(importlib.import_module, f"lazytui.clusters.{name}")
