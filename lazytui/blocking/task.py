"""The seed's RuntimeTask."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from lazytui.blocking.calls import call, is_over
from lazytui.blocking.process import TaskProcess
from lazytui.core.script.task import ScriptTask
from lazytui.errors import TaskExecutionError
from lazytui.tables import print_log

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
    from os import PathLike

    from lazytui.core.script.execution import Execution
    from lazytui.core.script.session import Session


Answer = TypeVar("Answer")


class RuntimeTask:
    """A named list of steps that is executed on a runtime.

    Each method that adds a step gives the task, to add more. A task may be executed again; each
    execution begins with an empty log.

    Examples:
        ``task = RuntimeTask("demo").send_file("data.csv").run_command("wc -l data.csv")``

    Args:
        name: of the task; a unique one is made up by default.
    """

    def __init__(self, name: str | None = None) -> None:
        self._core = ScriptTask(name)
        self._core.wrapper = self

    @classmethod
    def _of(cls, core: ScriptTask) -> RuntimeTask:
        """Give the one task that stands for a task of the core."""
        if isinstance(core.wrapper, RuntimeTask):
            return core.wrapper
        made = cls.__new__(cls)
        made._core = core
        core.wrapper = made
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> RuntimeTask:
        """Give a fresh task with the same steps, not executed, with a number in its name."""
        return self._of(self._core.copy())

    def __repr__(self) -> str:
        """Say what it is."""
        return f"<RuntimeTask {self.name!r}, {len(self._core.steps.steps)} steps>"

    @property
    def name(self) -> str:
        """The name of the task."""
        return self._core.name

    # -- steps

    def send_file(
        self, local_path: str | PathLike[str], remote_path: str | PathLike[str] | None = None
    ) -> Self:
        """Add a step that sends a file or a folder from the manager.

        Args:
            local_path: on the manager.
            remote_path: on the runtime; a relative one is below the working directory. By
                default the same name in the working directory.

        Raises:
            ValueError: a path is empty.
        """
        self._core.send_file(local_path, remote_path)
        return self

    def get_file(
        self, remote_path: str | PathLike[str], local_path: str | PathLike[str] | None = None
    ) -> Self:
        """Add a step that gets a file or a folder from the runtime.

        Args:
            remote_path: on the runtime; a relative one is below the working directory.
            local_path: on the manager; by default the present directory.

        Raises:
            ValueError: a path is empty.
        """
        self._core.get_file(remote_path, local_path)
        return self

    def run_command(self, command: str) -> Self:
        """Add a step that runs a shell command in the working directory.

        Raises:
            ValueError: the command is empty.
        """
        self._core.run_command(command)
        return self

    def run_function(self, function: Callable[..., Any], **func_kwargs: Any) -> Self:
        """Add a step that calls a Python function on the runtime.

        It is pickled now, by value: functions of the script, lambdas, closures, partials and
        methods can be sent. What they import from packages must be installed on the host.

        Args:
            function: anything that can be called.
            func_kwargs: its keyword arguments.

        Raises:
            ValueError: it cannot be called.
            FunctionSendError: something about it cannot be sent; the message says what.
        """
        self._core.run_function(function, **func_kwargs)
        return self

    # -- how it went

    @property
    def execution_log(self) -> Sequence[str]:
        """What each step printed, in order; a step without output has an empty entry.

        Reading an entry waits for its step. A task that was not executed has no entries.
        """
        execution = self._core.execution
        if execution is None:
            return []
        if not execution.is_alive:
            return self._call(self._core.execution_log)
        return ExecutionLog(self, execution.step_count)

    @property
    def execution_log_file_path(self) -> str | None:
        """The file on the manager with all that was printed; None before it was executed."""
        return self._core.execution_log_file_path

    @property
    def function_returns(self) -> Generator[Any, None, None]:
        """What its functions gave back, in the order of the steps; reading waits for the task.

        Raises (when it is read):
            TaskExecutionError: a step failed.
            UntrustedReturnError: what was given back holds more than plain data.
        """
        yield from self._call(self._core.function_returns)

    @property
    def process(self) -> TaskProcess | None:
        """The execution, to be waited for or ended; None before it was executed."""
        return None if self._core.execution is None else TaskProcess(self._core.execution)

    @property
    def env_variables(self) -> dict[str, str]:
        """Variables of its steps, on top of those of the runtime."""
        return self._core.env_variables

    @env_variables.setter
    def env_variables(self, env_variables: dict[str, str]) -> None:
        self._core.env_variables = dict(env_variables)

    @property
    def omit_on_join(self) -> bool:
        """Whether joining does not wait for it, and a clean-up leaves it running."""
        return self._core.omit_on_join

    def join(self) -> None:
        """Wait until it is over; one to be omitted, or never executed, is not waited for.

        Raises:
            TaskExecutionError: a step failed.
        """
        self._call(self._core.join)

    def print_log(self) -> None:
        """Print what each step printed, below a line that says how it went."""
        print_log(self._title(), self.execution_log)

    def cleanup(self) -> None:
        """End it if it runs, unless it was asked to outlive the script; forget how it went."""
        if not is_over():
            self._call(self._core.cleanup)

    # -- inside

    def _title(self) -> str:
        execution = self._core.execution
        if execution is None:
            return f"{self.name}: not executed"
        self._call(execution.wait)
        return f"{self.name} on {execution.host}: {execution.record.state}"

    def _step_log(self, index: int) -> str:
        return self._call(lambda: self._core.step_log(index))

    def _call(self, do: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        async def ask(session: Session) -> Answer:
            if self._core.execution is not None:
                self._core.execution.move(session.engine)
            return await do()

        with our_tasks_in_errors():
            return call(ask)


class ExecutionLog(Sequence[str]):
    """What the steps of a running task print: each entry waits for its step."""

    def __init__(self, task: RuntimeTask, step_count: int) -> None:
        self._task = task
        self._step_count = step_count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Wait for a step, or several, and give what was printed."""
        if isinstance(index, slice):
            return [self._task._step_log(at) for at in range(self._step_count)[index]]
        return self._task._step_log(index)

    def __len__(self) -> int:
        """How many steps the task has."""
        return self._step_count

    def __eq__(self, other: object) -> bool:
        """Whether the entries are those of another list; waits for all steps."""
        return list(self) == list(other) if isinstance(other, list | ExecutionLog) else False

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        """Give it as a list; waits for all steps."""
        return repr(list(self))


@contextlib.contextmanager
def our_tasks_in_errors() -> Iterator[None]:
    """Have errors of the core name the task that the script knows."""
    try:
        yield
    except TaskExecutionError as error:
        if isinstance(error.task, ScriptTask):
            error.task = RuntimeTask._of(error.task)
        raise


def returns_of(executions: Iterable[Execution]) -> Generator[Any, None, None]:
    """Give what functions gave back, of one execution after the other; waits for each.

    Raises:
        TaskExecutionError: a step failed.
        UntrustedReturnError: what was given back holds more than plain data.
    """
    for execution in executions:
        with our_tasks_in_errors():
            values = call(lambda session, run=execution: _returns(session, run))  # type: ignore[misc]
        yield from values


async def _returns(session: Session, execution: Execution) -> list[Any]:
    execution.move(session.engine)
    return await execution.returns()
