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

log = logging.getLogger(__name__)

GRACE_S = 5.0  # seconds between INT and KILL
TIMING_OUT = "timing out"  # the reason of a run from its first signal to its end


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
    for name in ("INT", "KILL"):
        if not await _signal(run, name, note):
            return
        await asyncio.sleep(GRACE_S)


async def _signal(run: LiveRun, name: str, note: Callable[[str], Awaitable[None]]) -> bool:
    """Send a signal, however long the host takes to be back; False when there is no use in it."""
    before = run.timed_out
    if run.interrupt is not None:
        run.timed_out = True
        await note(f"{TIMING_OUT} ({name})")
        run.interrupt(name)
        return True
    while True:
        agent = await run.runtime.wait_agent()
        run.timed_out = True  # before the signal, as the end may come before the answer
        await note(f"{TIMING_OUT} ({name})")
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
