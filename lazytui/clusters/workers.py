"""A worker of a cluster: a run that is started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from lazytui.core.cluster_model import WorkerState
from lazytui.core.script.tracking import start
from lazytui.errors import LazytuiError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.script.execution import Execution
    from lazytui.core.script.runtime import ScriptRuntime
    from lazytui.core.script.task import ScriptTask
    from lazytui.core.script.telling import Tell

log = logging.getLogger(__name__)

FIRST_S, LONGEST_S = 1.0, 60.0  # before a worker is started again; each time twice as long
REASON_CHARS = 200


class KeptWorker:
    """A worker that heals until it is stopped.

    A host that is lost for a while keeps its worker: the run waits, as all runs do. A run that
    somebody stops by hand is not started again.

    Args:
        name: ``w-0``.
        runtime: where it runs.
        task: what it is there.
        ports: where it listens.
        on_change: called after each change; must be quick.
        tell: called with what it prints.
    """

    def __init__(
        self,
        name: str,
        runtime: ScriptRuntime,
        task: ScriptTask,
        ports: tuple[int, ...],
        *,
        on_change: Callable[[], None],
        tell: Tell | None,
    ) -> None:
        self.name = name
        self.runtime = runtime
        self.task = task
        self.ports = ports
        self.state = WorkerState.STARTING
        self.reason = ""
        self.retry_at: float | None = None
        self.restarts = 0
        self._on_change = on_change
        self._tell = tell
        self._keeper: asyncio.Task[None] | None = None
        self._beginning: asyncio.Future[None] | None = None

    @property
    def host(self) -> str:
        """Where it runs."""
        return self.runtime.host

    @property
    def run_id(self) -> str:
        """Of the run that holds its process; empty while there is none."""
        run = self.task.execution
        return run.record.run_id if run is not None and run.is_alive else ""

    @property
    def has_started(self) -> bool:
        """Whether its process runs, as far as its host has told."""
        run = self.task.execution
        return run is not None and run.is_alive and run.has_started

    async def start(self) -> None:
        """Start its run, and keep it from then on.

        Raises:
            InvalidRuntimeError, PathCreationError: it cannot be started.
        """
        await self._begin()
        self._keeper = asyncio.create_task(self._keep(), name=f"worker {self.task.name}")

    async def stop(self, *signals: str) -> None:
        """End it and wait for that; see :meth:`Execution.stop`."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        if self._beginning is not None:
            await asyncio.wait((self._beginning,))
        if self.task.execution is not None:
            await self.task.execution.stop(*signals)
        self._become(WorkerState.STOPPED, "")

    # -- inside

    async def _begin(self) -> None:
        """Start a run; one that has begun is known, also to who cancels this."""
        self._beginning = asyncio.ensure_future(self._start_run())
        try:
            await asyncio.shield(self._beginning)
        except asyncio.CancelledError:
            await asyncio.wait((self._beginning,))
            raise

    async def _start_run(self) -> None:
        self.runtime.executions.drop(self.task)
        pair = (self.runtime, self.task)
        # To join a group is to wait for its work, not for its workers.
        await start(self.runtime.session, [pair], omit_on_join=True, tell=self._tell)

    async def _keep(self) -> None:
        wait = FIRST_S
        while True:
            run = self.task.execution
            assert run is not None
            begun = time.monotonic()
            await run.wait_started()
            self._on_change()
            record = await run.wait()
            if not record.state.is_final:
                return  # it goes on at its host, for another process: ours is ending
            if run.was_stopped:
                self._become(WorkerState.STOPPED, "its run was stopped by hand")
                return
            if time.monotonic() - begun > LONGEST_S:
                wait = FIRST_S
            wait = await self._begin_again(wait, await why(run))

    async def _begin_again(self, wait: float, reason: str) -> float:
        """Start it again after a pause, as often as it takes; gives the pause after that."""
        log.warning("%s on %s: %s", self.task.name, self.host, reason)
        while True:
            self.retry_at = time.monotonic() + wait
            self._become(WorkerState.RETRYING, reason)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_S)
            try:
                await self._begin()
            except LazytuiError as error:
                reason = sanitize(str(error), max_chars=REASON_CHARS)
                continue
            self.restarts += 1
            self._become(WorkerState.STARTING, reason)
            return wait

    def _become(self, state: WorkerState, reason: str) -> None:
        self.state, self.reason = state, reason
        if state is not WorkerState.RETRYING:
            self.retry_at = None
        self._on_change()


async def why(run: Execution) -> str:
    """Say in a line why a run is over: how it ended, and what it printed last."""
    record = run.record
    words = [record.reason] if record.reason else []
    if record.exit_status is not None:
        words.append(f"exit {record.exit_status}")
    said = ""
    with contextlib.suppress(OSError):
        said = last_line((await run.printed_last(4096)).decode("utf-8", "replace"))
    ended = ", ".join(words) or "it ended"
    return sanitize(f"{ended}: {said}" if said else ended, max_chars=REASON_CHARS)


def last_line(text: str) -> str:
    """Give the last line of a text that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
