"""Stopping a run: one of ours, which then knows why it ended, or one of another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.live_run import either, job_id
from lazytui.core.model import RunState
from lazytui.core.plan import WAITS
from lazytui.errors import ConnectionLostError

if TYPE_CHECKING:
    from lazytui.core.agent import Agent
    from lazytui.core.journal import Journal
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from lazytui.core.runtime import Runtime

SIGNALS = ("INT", "TERM", "KILL", "HUP", "QUIT", "USR1", "USR2")
ENDING = frozenset(("INT", "TERM", "KILL", "HUP", "QUIT"))  # whoever sends one wants the end
STOPPING = "stopping"  # the reason of a run that another process has signalled


async def stop_live(run: LiveRun, name: str) -> str:
    """Signal a run that this process drives; one that was not sent to its host never starts.

    Args:
        run: the run.
        name: one of :data:`SIGNALS`.

    Returns:
        ``sent``, ``ended``, ``cancelled``, or the agent's ``stale`` or ``rebooted``.

    Raises:
        ConnectError: the host cannot be reached now.
        AgentError: the host says no.
        ConnectionLostError: whether it was delivered is not known.
    """
    if name in ENDING or not run.sent:
        run.stopping = name
    if not run.sent:
        run.abandoned.set()
        return "cancelled"
    if run.interrupt is not None:
        run.interrupt(name)
        return "sent"
    answer = ""
    try:
        agent = await run.runtime.reach()
        await either(run.settled, agent.lost)  # what has not started cannot be signalled
        if run.done.is_set():
            return "cancelled" if run.record.state is RunState.CANCELLED else "ended"
        answer = await _signal(agent, run.job_id, name)
    except ConnectionLostError:
        answer = "sent"  # perhaps
        raise
    finally:
        if answer != "sent":
            run.stopping = ""  # however it ends, it was not by us
    return answer


async def stop_foreign(journal: Journal, runtime: Runtime, record: RunRecord, name: str) -> str:
    """Signal a run that another living process drives: it learns of it from the journal.

    Args:
        journal: where that process looks when the run has ended.
        runtime: the run's host.
        record: the run.
        name: one of :data:`SIGNALS`.

    Returns:
        ``sent``, ``cancelled`` before its turn came, or the agent's ``ended``, ``stale`` or
        ``rebooted``.

    Raises:
        ConnectError: the host cannot be reached now.
        AgentError, ConnectionLostError: it could not be delivered.
    """
    if record.state is RunState.QUEUED and record.reason.startswith(WAITS):
        await journal.update_run(record.run_id, reason=f"{STOPPING} ({name})")
        return "cancelled"  # when its turn comes
    agent = await runtime.reach()
    if name in ENDING:
        await journal.update_run(record.run_id, reason=f"{STOPPING} ({name})")
    answer = ""
    try:
        answer = await _signal(agent, job_id(record.run_id, record.step), name)
    finally:
        if answer != "sent":
            await journal.update_run(record.run_id, reason=record.reason)
    return answer


async def _signal(agent: Agent, job: str, name: str) -> str:
    answer = await agent.request("job_signal", job=job, signal=name)
    return str(answer.get("state", "sent"))
