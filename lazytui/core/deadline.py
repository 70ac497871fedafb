"""The end of a run that takes too long: INT, and KILL when that does not help."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from lazytui.errors import AgentError, ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lazytui.core.live_run import LiveRun
    from lazytui.core.plan import Plan

log = logging.getLogger(__name__)

GRACE_S = 5.0  # seconds between INT and KILL
# The reason of a run from its first signal to its end, by whose time was over.
TIMING_OUT = "timing out"
WITH_TASK = "timing out with its task"


def why_timed_out(reason: str, plan: Plan) -> str:
    """Say why a run with such a reason ends; empty when that is not for want of time."""
    if reason.startswith(WITH_TASK) and plan.task_timeout_s is not None:
        return f"timed out: the time of its task, {plan.task_timeout_s:g} s, was over"
    if reason.startswith(TIMING_OUT) and plan.timeout_s is not None:
        return f"timed out after {plan.timeout_s:g} s"
    return ""


async def end_in_time(
    run: LiveRun, timeout_s: float, note: Callable[[str], Awaitable[None]]
) -> None:
    """End a run when its time is over; whoever drives the run cancels this at its end.

    The time counts from the start of the run, whoever started it. A host that is not connected
    then gets its signal when it is back.

    Args:
        run: the run; its ``timed_out`` is set as soon as it is signalled.
        timeout_s: how long it may take, in seconds.
        note: puts a reason into the journal, so that the end is called by its name even if we
            are gone by then.
    """
    await run.settled.wait()
    started = run.record.started
    if started is None:  # it never ran
        return
    left = started + timeout_s - time.time()
    await asyncio.sleep(min(timeout_s, max(0.0, left)))  # the clock may have been set back
    await _end(run, TIMING_OUT, note)


async def end_with_task(
    run: LiveRun, limit_s: float, note: Callable[[str], Awaitable[None]]
) -> None:
    """End a run when the time of its task is over; one that has not begun is not started.

    Args:
        run: the run, which has turns.
        limit_s: how long its task may take from the start of its first run, in seconds.
        note: puts a reason into the journal.
    """
    assert run.turns is not None
    await run.turns.time_over(limit_s)
    run.give_up(f"not started: the time of its task, {limit_s:g} s, was over")
    await run.settled.wait()
    if run.record.started is not None:
        await _end(run, WITH_TASK, note)


async def _end(run: LiveRun, why: str, note: Callable[[str], Awaitable[None]]) -> None:
    for name in ("INT", "KILL"):
        if not await _signal(run, name, why, note):
            return
        await asyncio.sleep(GRACE_S)


async def _signal(
    run: LiveRun, name: str, why: str, note: Callable[[str], Awaitable[None]]
) -> bool:
    """Send a signal, however long the host takes to be back; False when there is no use in it."""
    before, told = run.timed_out, why_timed_out(why, run.plan)
    if run.interrupt is not None:
        run.timed_out = told
        await note(f"{why} ({name})")
        run.interrupt(name)
        return True
    while True:
        agent = await run.runtime.wait_agent()
        run.timed_out = told  # before the signal, as the end may come before the answer
        await note(f"{why} ({name})")
        try:
            answer = await agent.request("job_signal", job=run.job_id, signal=name)
        except ConnectionLostError:
            continue  # whether it was delivered is not known: once more does no harm
        except AgentError as error:
            log.warning("run %s cannot be ended in time: %s", run.run_id, error)
            run.timed_out = before
            return False
        if answer.get("state", "sent") == "sent":
            return True
        run.timed_out = before  # it has ended by itself
        return False
