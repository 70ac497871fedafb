"""One run while this process drives it: what to run, how far it is, and its output on its way."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.plan import AT_ONCE
from lazytui.core.step import HOME
from lazytui.core.templates import HostValues, fill_step
from lazytui.errors import ConnectionLostError, SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.agent import Agent
    from lazytui.core.frames import Header
    from lazytui.core.model import RunRecord
    from lazytui.core.plan import Plan
    from lazytui.core.runtime import Runtime
    from lazytui.core.spool import SpoolWriter
    from lazytui.core.step import Place, Step
    from lazytui.core.turns import Turns
    from lazytui.errors import LazytuiError

log = logging.getLogger(__name__)


class OutputStream:
    """Carries the output of one followed job into the run's spool."""

    def __init__(self, run: LiveRun, agent: Agent, spool: SpoolWriter, credit_bytes: int) -> None:
        self._run_id = run.run_id
        self._base = run.base
        self.reached = run.followed_from  # what of the spool is here, or on its way to the disk
        self._owed = 0  # bytes in the spool that the host has no new credit for yet
        self._step = credit_bytes // 4
        self._agent = agent
        self._spool = spool
        self.number = agent.new_stream(self)
        self.end: asyncio.Future[Header] = asyncio.get_running_loop().create_future()

    def output(self, offset: int, data: bytes) -> None:
        try:
            self._spool.write(self._run_id, self._base + offset, data)
            self.reached = self._base + offset + len(data)
        except SpoolError as error:
            # The host sent something else than what was asked for: ask again from the spool's end.
            log.warning("%s", error)
            self._agent.notify("unfollow", s=self.number)
            self._agent.end_stream(self.number)
            if not self.end.done():
                self.end.set_exception(ConnectionLostError(str(error)))

    def ended(self, end: Header) -> None:
        if not self.end.done():
            self.end.set_result(end)

    def written(self, size: int) -> None:
        """Bytes have reached the spool: the host may send as many more."""
        self._owed += size
        if self._owed >= self._step:  # a frame for each block would cost more than it gives
            self._agent.credit(self.number, self._owed)
            self._owed = 0

    async def wait(self) -> Header:
        """Wait for the end of the job.

        Raises:
            ConnectionLostError: the connection broke first.
        """
        lost = asyncio.ensure_future(self._agent.lost.wait())
        try:
            await asyncio.wait((self.end, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        if self.end.done():
            return self.end.result()
        raise ConnectionLostError("connection lost")

    def close(self) -> None:
        """Stop listening."""
        self._agent.end_stream(self.number)


class LiveRun:
    """A run that this process drives.

    Args:
        record: the run as the journal has it.
        steps: of its task.
        runtime: its host; while it is not placed yet, the first that it may run on.
        plan: of its task.
        turns: says when it may start, if it heeds other runs of its task.
        place: where on the host its steps happen.
        index: its place among the runs of its task, from 0 on.
    """

    def __init__(
        self,
        record: RunRecord,
        steps: tuple[Step, ...],
        runtime: Runtime,
        *,
        plan: Plan = AT_ONCE,
        turns: Turns | None = None,
        place: Place = HOME,
        index: int = 0,
    ) -> None:
        self.record = record
        self.index = index
        self._steps = steps
        self.runtime = runtime
        self.place = place
        self.plan = plan
        self.turns = turns
        self.counted = False  # among the alive runs of its host
        self.sent = False  # the host may have started it
        self.step = 0
        self.pid: int | None = None  # of the step on the host, where that said it
        self.confirmed = False  # the host has said that it started this step
        self.spooled: int | None = None  # length of the spool, while that is known for sure
        self.base = 0  # where in the spool the output of this step begins
        self.followed_from = 0  # length of the spool when its output was last asked for
        self.reached = 0  # the same when the end of its job was told
        self.stopping = ""  # the signal that was asked for
        self.timed_out = ""  # why, if it was signalled because its time was over
        self.unwanted = ""  # why it shall not be started any more
        self.stream: OutputStream | None = None
        # Who executes a step that is no job takes signals here.
        self.interrupt: Callable[[str], None] | None = None
        self.driver: asyncio.Task[None] | None = None
        self.cause: LazytuiError | None = None  # what we could not do; its text is the reason
        self.settled = asyncio.Event()  # started, or over
        self.done = asyncio.Event()
        self.abandoned = asyncio.Event()  # cancelled before anything was sent

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.record.run_id

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of its task, filled in for its host."""
        if not self.plan.templates:
            return self._steps
        return tuple(self._filled(step) for step in self._steps)

    @property
    def spec(self) -> Step:
        """The step it is at."""
        step = self._steps[self.step]
        return self._filled(step) if self.plan.templates else step

    def _filled(self, step: Step) -> Step:
        options = self.runtime.options
        return fill_step(
            step,
            HostValues(self.runtime.host, options.user, options.hostname, options.port, self.index),
        )

    @property
    def job_id(self) -> str:
        """The job of that step on the host."""
        return job_id(self.record.run_id, self.step)

    @property
    def waits(self) -> bool:
        """Whether it has to wait: for other runs of its task, for another task, for a host."""
        return self.is_unplaced or (
            self.turns is not None and not self.turns.turn(self.run_id).is_set()
        )

    @property
    def is_unplaced(self) -> bool:
        """Whether it was not let through yet to the host that the record names."""
        return self.plan.has_gate and not self.record.placed

    def count(self) -> None:
        """Count it among the alive runs of its host."""
        self.runtime.alive_runs += 1
        self.counted = True

    def discount(self) -> None:
        """Count it there no longer."""
        if self.counted:
            self.runtime.alive_runs -= 1
            self.counted = False

    def give_up(self, reason: str) -> None:
        """Do not start it any more; one that the host may have started goes on."""
        if self.record.state is RunState.QUEUED:
            self.unwanted = reason
            if not self.sent:
                self.abandoned.set()

    def in_step(self, text: str) -> str:
        """Say in which step something happened, where there are several."""
        if len(self.steps) == 1:
            return text
        where = f"step {self.step + 1} of {len(self.steps)} ({self.spec.verb})"
        return f"{where}: {text}" if text else where


async def either(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def job_id(run_id: str, step: int) -> str:
    """Give the id that a run's step has as a job on the host."""
    return f"{run_id}-{step}"


def signal_words(status: int) -> str:
    """Say what an exit status above 128 means: ``killed by SIGKILL``; else empty."""
    if status <= 128:
        return ""
    try:
        return f"killed by {signal.Signals(status - 128).name}"
    except ValueError:
        return ""
