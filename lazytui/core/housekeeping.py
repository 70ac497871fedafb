"""Drops the job folders of ended runs from their hosts, many at a time, after the rush.

What a crash or a lost connection kept us from dropping is found when the next run on that host
ends: the host lists its jobs, the journal says which of them are ours and over. Hosts may share a
home and managers a host, so a job that this journal does not know is never touched.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from lazytui.errors import AgentError, ConnectionLostError, JournalError

if TYPE_CHECKING:
    from lazytui.core.agent import Agent
    from lazytui.core.journal import Journal
    from lazytui.core.runtime import Runtime

AFTER_S = 0.5  # seconds after the end of a run, to take others along that end just now
GOODBYE_S = 2.0  # how long hosts may take to drop jobs when the engine ends


class Housekeeper:
    """Remembers which jobs may be dropped, and drops them.

    Args:
        journal: knows which runs have ended.
        group: the task group that owns what runs in the background.
    """

    def __init__(self, journal: Journal, group: asyncio.TaskGroup) -> None:
        self._journal = journal
        self._group = group
        self._waiting: dict[Runtime, list[str]] = {}
        self._swept: WeakSet[Agent] = WeakSet()
        self.task: asyncio.Task[None] | None = None

    def forget_later(self, runtime: Runtime, job_id: str) -> None:
        """Let a host drop its copy of a job whose end is in the journal."""
        self._waiting.setdefault(runtime, []).append(job_id)
        if self.task is None or self.task.done():
            self.task = self._group.create_task(self._soon(), name="forget jobs")

    async def goodbye(self) -> None:
        """Drop what waits now, as the engine is about to end; hosts that are slow keep theirs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._forget_waiting()

    async def _soon(self) -> None:
        await asyncio.sleep(AFTER_S)
        await self._forget_waiting()

    async def _forget_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        await asyncio.gather(*(self._forget(runtime, jobs) for runtime, jobs in waiting.items()))

    async def _forget(self, runtime: Runtime, jobs: list[str]) -> None:
        agent = runtime.agent
        if agent is None:
            return
        with contextlib.suppress(AgentError, ConnectionLostError, JournalError):
            if agent not in self._swept:
                self._swept.add(agent)
                jobs = jobs + await self._leftovers(agent, set(jobs))
            await agent.request("job_forget", jobs=jobs)

    async def _leftovers(self, agent: Agent, known: set[str]) -> list[str]:
        """Give the jobs on a host that are ours and over, beside those already known to be."""
        answer = await agent.request("job_list")
        listed: Any = answer.get("jobs")
        ids = {str(job): str(job).partition("-")[0] for job in listed} if listed else {}
        ended = await self._journal.ended(set(ids.values()))
        return [job for job, run_id in ids.items() if run_id in ended and job not in known]
