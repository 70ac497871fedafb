"""A task of a script: its steps, and how it went when it was executed last."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING, Any, Self

from lazytui.core.task import RuntimeTask

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from lazytui.core.script.execution import Execution


class ScriptTask:
    """A named list of steps. Each method that adds one gives the task, to add more.

    It may be executed again; each execution begins with an empty log.

    Args:
        name: of the task; a unique one is made up by default.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or f"task-{secrets.token_hex(4)}"
        self.steps = RuntimeTask(name)
        self.env_variables: dict[str, str] = {}
        self.execution: Execution | None = None
        self.wrapper: object | None = None  # what an API above this one shows for it
        self._copies = itertools.count(1)

    # -- steps

    def send_file(
        self,
        local_path: str | os.PathLike[str],
        remote_path: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Add a step that sends a file or a folder; see :meth:`RuntimeTask.send_file`."""
        self.steps.send_file(local_path, remote_path)
        return self

    def get_file(
        self,
        remote_path: str | os.PathLike[str],
        local_path: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Add a step that gets a file or a folder; see :meth:`RuntimeTask.get_file`."""
        self.steps.get_file(remote_path, local_path)
        return self

    def run_command(self, command: str) -> Self:
        """Add a step that runs a command in the host's shell.

        Raises:
            ValueError: the command is empty.
        """
        self.steps.run_command(command)
        return self

    def run_function(self, function: Callable[..., Any], **func_kwargs: Any) -> Self:
        """Add a step that calls a Python function; see :meth:`RuntimeTask.run_function`."""
        self.steps.run_function(function, **func_kwargs)
        return self

    def copy(self) -> ScriptTask:
        """Give a fresh task with the same steps and variables, not executed, numbered in name."""
        made = ScriptTask(f"{self.name}-{next(self._copies)}")
        made.steps = self.steps
        made.env_variables = dict(self.env_variables)
        return made

    # -- how it went

    @property
    def omit_on_join(self) -> bool:
        """Whether joining does not wait for it, and a clean-up leaves it running."""
        return self.execution is not None and self.execution.omit_on_join

    @property
    def execution_log_file_path(self) -> str | None:
        """The file on the manager with all that it printed; None before it was executed."""
        return None if self.execution is None else self.execution.record.spool

    async def join(self) -> None:
        """Wait until it is over; a task that was never executed, or to be omitted, is.

        Raises:
            TaskExecutionError: a step failed.
        """
        if self.execution is not None and not self.omit_on_join:
            await self.execution.join()

    async def execution_log(self) -> list[str]:
        """Wait until it is over; give one entry a step, empty for one without output."""
        return [] if self.execution is None else await self.execution.log()

    async def step_log(self, index: int) -> str:
        """Wait for one step, and give what it printed.

        Raises:
            IndexError: there is no such step, or the task was not executed.
        """
        if self.execution is None:
            raise IndexError(f"task {self.name} was not executed yet")
        return await self.execution.step_log(index)

    async def function_returns(self) -> list[Any]:
        """Wait until it is over; give what its functions gave back, in order.

        Raises:
            TaskExecutionError: a step failed.
            UntrustedReturnError: what was given back holds more than plain data.
        """
        return [] if self.execution is None else await self.execution.returns()

    async def cleanup(self) -> None:
        """Stop it if it runs, unless it was asked to outlive the script; forget how it went."""
        if self.execution is not None and not self.omit_on_join:
            await self.execution.stop()
        self.execution = None
