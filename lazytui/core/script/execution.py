"""One execution of a task on one runtime: waiting for it, reading it, ending it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from lazytui.core.model import RunState
from lazytui.errors import (
    AgentError,
    ConnectError,
    ConnectionLostError,
    TaskExecutionError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lazytui.core.engine import Engine
    from lazytui.core.events import Subscription
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from lazytui.core.script.task import ScriptTask

STOP_S = 5.0  # a run may take to end after a signal, before it gets a harder one
TAIL = 2000  # characters of output in an error


class Execution:
    """A run of a task, as its script sees it.

    Args:
        engine: drives the run.
        run: the run.
        task: what is executed.
        working_dir: where on the host.
        omit_on_join: joining does not wait for it, and a clean-up leaves it running.
    """

    def __init__(
        self,
        engine: Engine,
        run: LiveRun,
        task: ScriptTask,
        *,
        working_dir: str,
        omit_on_join: bool,
    ) -> None:
        self._engine = engine
        self._run = run
        self._task = task
        self.working_dir = working_dir
        self.omit_on_join = omit_on_join
        self.told = False  # its failure was raised to somebody
        self.teller: asyncio.Task[None] | None = None  # tells its output, if somebody wants that
        self._steps = len(run.steps)

    @property
    def task(self) -> ScriptTask:
        """What is executed."""
        return self._task

    @property
    def step_count(self) -> int:
        """How many steps it has."""
        return self._steps

    @property
    def record(self) -> RunRecord:
        """The run as the journal has it."""
        return self._run.record

    @property
    def host(self) -> str:
        """Where it runs."""
        return self._run.record.host

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return not self._run.done.is_set()

    @property
    def was_stopped(self) -> bool:
        """Whether somebody has told it to end."""
        return bool(self._run.stopping) or self.record.state is RunState.CANCELLED

    @property
    def pid(self) -> int | None:
        """The process on the host that the present step is, if there is one."""
        return self._run.pid

    @property
    def has_started(self) -> bool:
        """Whether its host has begun with it."""
        return self.record.state is not RunState.QUEUED

    async def wait_started(self) -> None:
        """Wait until its host has begun with it, or it is over."""
        with self._engine.events.subscribe() as events:
            while not self.has_started and self.is_alive:
                await self._news(events)

    async def wait(self) -> RunRecord:
        """Wait until it is over, however that is, and its output is told."""
        await self._run.done.wait()
        if self.teller is not None:
            await asyncio.wait([self.teller])
        return self.record

    async def join(self) -> None:
        """Wait until it is over.

        Raises:
            TaskExecutionError: a step failed, or it was stopped or lost.
        """
        await self.wait()
        if (error := await self.failure()) is not None:
            self.told = True
            raise error

    def move(self, engine: Engine) -> None:
        """Be read through another engine: in a forked process, or after the first was closed.

        Raises:
            RuntimeError: it was running when its engine was left behind.
        """
        if engine is not self._engine and self.is_alive:
            raise RuntimeError(
                f"task {self._task.name} on {self.host} was started by another process, or before"
                f" lazytui was closed; see `lazytui logs {self.record.run_id[:8]}`"
            )
        self._engine = engine

    async def failure(self) -> TaskExecutionError | None:
        """Give why it failed, once it is over; None when all went well.

        Its cause (``__cause__``) is the error of lazytui itself, where there is one: such as
        :class:`PythonMismatchError`.
        """
        record = self.record
        if record.state is RunState.SUCCEEDED or self.is_alive:
            return None
        step = min(self._run.step, self._steps - 1)
        said = await self.step_log(step)
        status = "" if record.exit_status is None else f"exit {record.exit_status}"
        words = record.reason.removeprefix(self._run.in_step("")).removeprefix(": ")
        reason = ", ".join(text for text in (words, status) if text)
        error = TaskExecutionError(
            step, self._task, record.host, record.spool, said[-TAIL:], reason
        )
        error.__cause__ = self._run.cause
        return error

    # -- what it printed

    async def log(self) -> list[str]:
        """Wait until it is over; give one entry a step, empty for one without output."""
        await self._run.done.wait()
        return [await self.step_log(step) for step in range(self._steps)]

    async def printed(self) -> str:
        """Give what it printed so far, of all steps."""
        data = await asyncio.to_thread(_read, self.record.spool, 0, None)
        return data.decode("utf-8", "replace")

    async def printed_last(self, size: int) -> bytes:
        """Give the last bytes of what it printed so far.

        Args:
            size: how many at most.
        """
        return await asyncio.to_thread(_read_last, self.record.spool, size)

    async def step_log(self, index: int) -> str:
        """Wait until a step is over, and give what it printed, stdout and stderr as they came.

        Args:
            index: of the step; a negative one counts from the end. The newline at its end is
                taken away.

        Raises:
            IndexError: there is no such step.
        """
        if not -self._steps <= index < self._steps:
            raise IndexError(f"task {self._task.name} has {self._steps} steps, no step {index}")
        step = index % self._steps
        await self._wait_for_step(step)
        begun = await self._engine.journal.begun_steps(self._run.run_id) if self._steps > 1 else []
        starts = {0: 0, **{each.step: each.spool_start for each in begun}}
        if step not in starts:
            return ""
        data = await asyncio.to_thread(_read, self.record.spool, starts[step], starts.get(step + 1))
        return data.decode("utf-8", "replace").removesuffix("\n")

    async def _wait_for_step(self, step: int) -> None:
        """Wait until a later step has begun, or the run is over."""
        with self._engine.events.subscribe() as events:
            while self.record.step <= step and self.is_alive:
                await self._news(events)

    async def _news(self, events: Subscription) -> None:
        """Wait for an event or the end, which is only known a moment after its event."""
        waits = [
            asyncio.ensure_future(events.drain()),
            asyncio.ensure_future(self._run.done.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give its output as it arrives, until it is over."""
        path, at = self.record.spool, 0
        with self._engine.events.subscribe() as events:
            while True:
                over = not self.is_alive
                while piece := await asyncio.to_thread(_read, path, at, at + (1 << 20)):
                    at += len(piece)
                    yield piece
                if over:
                    return
                await self._news(events)

    async def returns(self) -> list[Any]:
        """Wait until it is over, and give what its functions gave back, in order.

        Raises:
            TaskExecutionError: a step failed.
            UntrustedReturnError: what was given back holds more than plain data.
        """
        await self.join()
        return await self._engine.returns(self._run.run_id)

    # -- its end

    async def stop(self, *signals: str) -> None:
        """End it and wait for that; a host out of reach keeps it.

        Args:
            signals: the first ones to try; TERM and KILL follow, each after some seconds.
        """
        for signal in (*signals, "TERM", "KILL"):
            if not self.is_alive:
                return
            with contextlib.suppress(
                UsageError, ConnectError, AgentError, ConnectionLostError, TimeoutError
            ):
                async with asyncio.timeout(STOP_S):
                    await self._engine.stop_run(self._run.run_id, signal)
                    await self._run.done.wait()


def _read(path: str, start: int, end: int | None) -> bytes:
    """Read a part of a spool; one that is not there is empty."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a plain string
            file.seek(start)
            return file.read(-1 if end is None else end - start)
    except FileNotFoundError:
        return b""


def _read_last(path: str, size: int) -> bytes:
    """Read the end of a spool; one that is not there is empty."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a plain string
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read(size)
    except FileNotFoundError:
        return b""
