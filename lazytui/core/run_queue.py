"""The queue: runs that wait until a host has what they need.

A run with a condition, or one that may run on any of several hosts, is placed once: the host and
why it was chosen go into the journal before the host hears of the run. Whoever adopts a run that
was not placed yet waits on in its stead.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lazytui.core.conditions import NOTHING, Claim, Condition
from lazytui.core.events import RuntimeChanged
from lazytui.core.live_run import either
from lazytui.core.model import HostState
from lazytui.core.placement import Choice, least_busy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from lazytui.core.events import Event, EventBus
    from lazytui.core.probes import Probe
    from lazytui.core.runtime import Runtime

LOOK_EVERY_S = 0.1  # changes of hosts are looked at together, so often at most
ASK_EVERY_S = 60.0  # as answers to has: and cmd: are kept for a minute


@dataclass(slots=True)
class _Waiting:
    """A run that waits for a host."""

    run_id: str
    condition: Condition
    hosts: frozenset[str]
    given: asyncio.Event = field(default_factory=asyncio.Event)
    choice: Choice | None = None


class RunQueue:
    """Finds hosts for the runs that wait for one; who came first is served first.

    Args:
        connected: gives the runtime of a host and sees to it that it gets connected.
        watch_load: has the load of all connected hosts sampled.
        probe: has hosts answer questions of ``has:`` and ``cmd:``.
        members: gives the members of each group.
        events: tell when something may have become free.
        group: the task group that owns the look-out.
    """

    def __init__(
        self,
        *,
        connected: Callable[[str], Runtime],
        watch_load: Callable[[], None],
        probe: Callable[[AbstractSet[Probe], Iterable[str]], Awaitable[None]],
        members: Callable[[], Mapping[str, Sequence[str]]],
        events: EventBus,
        group: asyncio.TaskGroup,
    ) -> None:
        self._connected = connected
        self._watch_load = watch_load
        self._probe = probe
        self._members = members
        self._events = events
        self._group = group
        self._waiting: dict[str, _Waiting] = {}
        self._claims: dict[str, tuple[str, Claim]] = {}  # of placed runs: host and claim
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: asyncio.Task[None] | None = None

    def tasks(self) -> list[asyncio.Task[None]]:
        """Give the tasks in the background, for whoever ends them."""
        return list(self._tasks)

    def group_names(self) -> list[str]:
        """List the groups that a condition may name."""
        return list(self._members())

    def claimed(self, host: str) -> Claim:
        """Give what placed runs keep for themselves on a host."""
        return sum((claim for where, claim in self._claims.values() if where == host), NOTHING)

    async def place(
        self, run_id: str, condition: Condition, hosts: Sequence[str], given_up: asyncio.Event
    ) -> Choice | None:
        """Wait until one of the hosts fulfils a condition, and claim what the run needs there.

        Args:
            run_id: the run; :meth:`over` gives back what it claims.
            condition: what must be so.
            hosts: where it may run.
            given_up: set when the run shall not start any more.

        Returns:
            The least busy of the hosts that fulfil the condition first; None when given up.
        """
        waiting = _Waiting(run_id, condition, frozenset(hosts))
        runtimes = [self._connected(host) for host in hosts]
        self._watch_load()
        self._waiting[run_id] = waiting
        for runtime in runtimes:
            runtime.waiting_runs += 1
            if runtime.state is HostState.INACTIVE:
                runtime.refresh()  # nobody wanted it when it failed: it would not try again
        asking = self._begin(self._keep_asking(waiting), f"asking for {run_id}")
        try:
            self._try([waiting], waiting.hosts)
            if self._serving is None or self._serving.done():
                self._serving = self._begin(self._serve(), "placement")
            await either(waiting.given, given_up)
        finally:
            asking.cancel()
            self._waiting.pop(run_id, None)
            for runtime in runtimes:
                runtime.waiting_runs -= 1
        return waiting.choice

    def claim(self, run_id: str, host: str, claim: Claim) -> None:
        """Keep what a run needs that was placed by an engine that is gone."""
        if claim != NOTHING:
            self._claims[run_id] = (host, claim)

    def over(self, run_id: str) -> None:
        """Give back what a run claimed, as it has ended."""
        host, _ = self._claims.pop(run_id, ("", NOTHING))
        if host and self._waiting:
            self._events.publish(RuntimeChanged(host))

    # -- inside

    async def _keep_asking(self, waiting: _Waiting) -> None:
        """Have the hosts answer what a condition wants to know, also those that come up later."""
        probes = waiting.condition.where.probes
        if not probes:
            return
        with self._events.subscribe() as events:
            while True:
                await self._probe(probes, waiting.hosts)
                with suppress(TimeoutError):
                    async with asyncio.timeout(ASK_EVERY_S):
                        while not self._unasked(await events.drain(), waiting.hosts, probes):
                            pass

    def _unasked(
        self, events: Iterable[Event], hosts: AbstractSet[str], probes: AbstractSet[Probe]
    ) -> bool:
        """Whether one of the hosts has come up and was not asked yet."""
        return any(
            isinstance(event, RuntimeChanged)
            and event.host in hosts
            and (runtime := self._connected(event.host)).state is HostState.ACTIVE
            and any(runtime.answer(probe) is None for probe in probes)
            for event in events
        )

    def _begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self) -> None:
        with self._events.subscribe() as events:
            while self._waiting:
                events_now = await events.drain()
                changed = {event.host for event in events_now if isinstance(event, RuntimeChanged)}
                if changed:
                    self._try(list(self._waiting.values()), changed)
                await asyncio.sleep(LOOK_EVERY_S)

    def _try(self, waiting: Iterable[_Waiting], changed: AbstractSet[str]) -> None:
        """Place runs on those of some hosts that fulfil their conditions now."""
        claims = {host: self.claimed(host) for host in changed}
        members: dict[str, frozenset[str]] | None = None
        for run in waiting:
            if run.choice is not None:
                continue
            if run.condition.where.group_names and members is None:
                members = {name: frozenset(hosts) for name, hosts in self._members().items()}
            able = [
                runtime
                for host in run.hosts & changed
                if run.condition.holds(runtime := self._connected(host), claims[host], members)
            ]
            if not able:
                continue
            run.choice = least_busy(sorted(able, key=lambda load: load.host), claims)
            host = run.choice.host
            self._claims[run.run_id] = (host, run.condition.claim)
            self._connected(host).alive_runs += 1
            claims[host] += run.condition.claim
            run.given.set()
