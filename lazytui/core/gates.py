"""What a run has to wait for beside the runs of its own task: another task, a host that fits.

Everything it needs is in the journal: the plan of its task, and whether it was placed. So it can
wait on in another engine after any crash.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.conditions import parse_condition
from lazytui.core.events import RunChanged
from lazytui.core.live_run import either
from lazytui.core.model import RunState
from lazytui.core.placement import Choice
from lazytui.core.plan import WAITS
from lazytui.errors import JournalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lazytui.core.conditions import Condition
    from lazytui.core.events import EventBus, Subscription
    from lazytui.core.journal import Journal
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from lazytui.core.plan import Plan
    from lazytui.core.run_queue import RunQueue

# How often the journal is asked about a task of another process, which tells us nothing.
FOREIGN_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Gates:
    """Lets the runs through whose time has come.

    Args:
        journal: knows the other tasks, also those of other processes.
        events: tell of the runs of this one.
        queue: finds hosts.
    """

    journal: Journal
    events: EventBus
    queue: RunQueue

    async def check(self, plan: Plan) -> None:
        """Refuse a plan that could never be fulfilled.

        Raises:
            UsageError: its condition cannot be read, or there is no such task to wait for.
        """
        self._condition(plan)
        if plan.after and not await self.journal.records(task_id=plan.after):
            raise UsageError(f"no task #{plan.after} to wait for (lazytui tasks lists them)")

    async def through(self, run: LiveRun, say: Callable[[str], Awaitable[None]]) -> Choice | None:
        """Wait until a run may start.

        Args:
            run: the run; it is given up when the task before it did not end as it had to.
            say: tells what it waits for.

        Returns:
            Where it runs and why there; None when it was given up.
        """
        plan = run.plan
        if plan.after:
            await say(f"{WAITS} for #{plan.after}")
            await self._wait_for_task(run)
            if run.abandoned.is_set():
                return None
        if plan.when or plan.least_busy:
            await say(plan.waiting_reason)
            hosts = plan.among or (run.record.host,)
            choice = await self.queue.place(run.run_id, self._condition(plan), hosts, run.abandoned)
            run.counted = choice is not None
            return choice
        run.count()
        return Choice(run.record.host, f"#{plan.after} is over")

    def keep_claim(self, run: LiveRun) -> None:
        """Count what a run takes that was placed by an engine that is gone."""
        with suppress(UsageError):  # a group it names is gone; it was placed in time
            self.queue.claim(run.run_id, run.record.host, self._condition(run.plan).claim)

    def _condition(self, plan: Plan) -> Condition:
        return parse_condition(plan.when, self.queue.group_names())

    async def _wait_for_task(self, run: LiveRun) -> None:
        """Wait until all runs of the task before are over; give up what needs its success."""
        number = run.plan.after
        with self.events.subscribe() as events:
            while not run.abandoned.is_set():
                with suppress(JournalError):  # told elsewhere; asked again
                    records = await self.journal.records(task_id=number)
                    if all(record.state.is_final for record in records):
                        if run.plan.after_ok and (why := _trouble(number, records)):
                            run.give_up(why)
                        return
                await self._news_of(number, events, run)

    async def _news_of(self, number: int, events: Subscription, run: LiveRun) -> None:
        """Wait until something may have happened to a task."""
        heard = asyncio.Event()

        async def listen() -> None:
            while not any(
                isinstance(event, RunChanged) and event.task_id == number
                for event in await events.drain()
            ):
                pass
            heard.set()

        listening = asyncio.ensure_future(listen())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(FOREIGN_LOOK_S):
                    await either(heard, run.abandoned)
        finally:
            listening.cancel()


def _trouble(number: int, records: Sequence[RunRecord]) -> str:
    """Say why a task is no success; empty when it is one. A forgotten one is none."""
    if not records:
        return f"not started, as #{number} was forgotten"
    failed = [record for record in records if record.state is not RunState.SUCCEEDED]
    if not failed:
        return ""
    state = {RunState.CANCELLED: "was stopped", RunState.LOST: "was lost"}.get(
        failed[0].state, "failed"
    )
    return f"not started, as #{number} {state} on {failed[0].host}"
