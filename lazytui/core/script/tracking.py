"""What a script has executed: started, remembered, joined."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lazytui.core.script.execution import Execution
from lazytui.core.step import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from lazytui.core.script.runtime import ScriptRuntime
    from lazytui.core.script.session import Session
    from lazytui.core.script.task import ScriptTask
    from lazytui.core.script.telling import Tell

log = logging.getLogger(__name__)


class Executions:
    """What was executed on one runtime, or through one group, in the order of the starts."""

    def __init__(self) -> None:
        self._tasks: list[tuple[ScriptTask, Execution]] = []

    def add(self, task: ScriptTask) -> None:
        """Remember the execution that a task has just begun."""
        assert task.execution is not None
        self._tasks.append((task, task.execution))

    def drop(self, task: ScriptTask) -> None:
        """Forget a task."""
        self._tasks = [(each, run) for each, run in self._tasks if each is not task]

    def clear(self) -> None:
        """Forget all."""
        self._tasks.clear()

    @property
    def tasks(self) -> list[ScriptTask]:
        """The tasks, each as often as it was executed."""
        return [task for task, _ in self._tasks]

    @property
    def all(self) -> list[Execution]:
        """The executions."""
        return [run for _, run in self._tasks]

    @property
    def joined(self) -> list[Execution]:
        """The executions that joining waits for."""
        return [run for run in self.all if not run.omit_on_join]

    def alive(self) -> list[Execution]:
        """Those that have not ended."""
        return [run for run in self.all if run.is_alive]

    def of(self, name: str) -> Execution:
        """Give the last execution of the task with a name.

        Raises:
            ValueError: there is none.
        """
        for task, run in reversed(self._tasks):
            if task.name == name:
                return run
        raise ValueError(f"no task {name!r} was executed here")

    async def join(self) -> None:
        """Wait until all are over, but for those to be omitted.

        Raises:
            TaskExecutionError: one failed, and nobody was told so before.
        """
        await join(self.joined)

    async def returns(self) -> list[Any]:
        """Wait until all are over, and give what functions gave back, in the order of the starts.

        Raises:
            TaskExecutionError: a step failed.
            UntrustedReturnError: what was given back holds more than plain data.
        """
        return [value for run in self.joined for value in await run.returns()]


async def join(runs: Sequence[Execution]) -> None:
    """Wait until some executions are over.

    Raises:
        TaskExecutionError: one failed, and nobody was told so before; others are notes on it.
    """
    await asyncio.gather(*(run.wait() for run in runs))
    errors = [error for run in runs if not run.told and (error := await run.failure()) is not None]
    for run in runs:
        run.told = True
    if not errors:
        return
    for other in errors[1:]:
        errors[0].add_note(f"also: {other}")
    raise errors[0]


async def finish(runs: Sequence[Execution]) -> None:
    """Wait until some executions are over, as somebody does who waits at a prompt.

    Cancelling this (Ctrl-C) interrupts them and waits for their end.

    Raises:
        TaskExecutionError: one failed.
    """
    try:
        await join(runs)
    except asyncio.CancelledError:
        await asyncio.gather(*(run.stop("INT") for run in runs))
        raise


async def start(
    session: Session,
    pairs: Sequence[tuple[ScriptRuntime, ScriptTask]],
    *,
    omit_on_join: bool = False,
    tell: Tell | None = None,
) -> list[Execution]:
    """Start the steps of a task on runtimes, each with a task object of its own.

    Args:
        session: what the script holds.
        pairs: runtimes, and the copy of the task that each executes.
        omit_on_join: joining does not wait for it, and a clean-up leaves it running.
        tell: called with the host and whole lines of output, from another thread.

    Returns:
        The executions that have begun.

    Raises:
        ValueError: there is no step.
        InvalidRuntimeError: a host cannot be used; nothing was started.
        PathCreationError: a working directory cannot be made; nothing was started.
    """
    for _, task in pairs:
        if not task.steps.steps:
            raise ValueError(f"task {task.name} has no steps; add one, such as run_command(...)")
    await asyncio.gather(*(runtime.connected() for runtime, _ in pairs))
    dirs = await asyncio.gather(*(runtime.working_dir() for runtime, _ in pairs))
    beginning = asyncio.ensure_future(
        _begin(session, pairs, dirs, omit_on_join=omit_on_join, tell=tell)
    )
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        await asyncio.wait((beginning,))  # what has begun is known, also to who cancels this
        raise


async def _begin(
    session: Session,
    pairs: Sequence[tuple[ScriptRuntime, ScriptTask]],
    dirs: Sequence[str],
    *,
    omit_on_join: bool,
    tell: Tell | None,
) -> list[Execution]:
    places = {
        runtime.host: Place(path, {**runtime.env_variables, **task.env_variables})
        for (runtime, task), path in zip(pairs, dirs, strict=True)
    }
    _, first = pairs[0]
    runs = await session.engine.start_runs(first.steps, list(places), places=places)
    begun = []
    for (runtime, task), run, path in zip(pairs, runs, dirs, strict=True):
        task.execution = Execution(
            session.engine, run, task, working_dir=path, omit_on_join=omit_on_join
        )
        begun.append(task.execution)
        runtime.executions.add(task)
        session.follow(task.execution, tell)
    return begun
