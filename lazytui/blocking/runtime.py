"""The seed's Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from lazytui.blocking.calls import call, is_over
from lazytui.blocking.facts import RuntimeFacts
from lazytui.blocking.held import Held
from lazytui.blocking.ports import RuntimePorts
from lazytui.blocking.process import PortProcess, Process, TaskProcess
from lazytui.blocking.task import RuntimeTask, our_tasks_in_errors, returns_of
from lazytui.core.script.runtime import ScriptRuntime
from lazytui.core.step import WORKING_DIR
from lazytui.tables import print_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
    from os import PathLike

    from lazytui.core.script.session import Session

Answer = TypeVar("Answer")

_TASK = "task::"
_PORT = "port::"


class Runtime(RuntimeFacts, RuntimePorts, Held):
    """A host that answers over ssh and has Python.

    Args:
        host: an alias of the ssh config, or any name that ssh would take.
        working_dir: on the host, made if need be and kept. By default a temporary one is made at
            first use and removed by :meth:`cleanup`.
        connection_kwargs: how to log in, where the ssh config does not say it: ``username, port,
            password, client_keys, passphrase, known_hosts`` and so on; see
            :class:`lazytui.ssh.login.Login`.

    Raises:
        InvalidRuntimeError: the host cannot be used; it says why.
        PathCreationError: the working directory cannot be made.
        ValueError: the host's name is empty, or a keyword is not known.
    """

    WORKING_DIR_ENV_VAR_NAME: ClassVar[str] = WORKING_DIR

    def __init__(
        self,
        host: str,
        working_dir: str | None = None,
        connection_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self._core = call(lambda session: session.runtime(host, working_dir, connection_kwargs))

    @classmethod
    def _of(cls, core: ScriptRuntime) -> Runtime:
        made = cls.__new__(cls)
        made._core = core
        return made

    def __repr__(self) -> str:
        """Say what it is."""
        return f"<{type(self).__name__} {self.host!r}>"

    # -- what it is

    @property
    def host(self) -> str:
        """The name of the host."""
        return self._core.host

    def is_valid_runtime(self) -> bool:
        """Whether the host can be used now."""
        return self._ask(ScriptRuntime.is_valid_runtime)

    def check_filter(
        self,
        gpu_required: bool = False,
        min_memory: int | None = None,
        min_cpu_cores: int | None = None,
        installed_executables: str | Sequence[str] | None = None,
        filter_commands: str | Sequence[str] | None = None,
    ) -> bool:
        """Whether the host fulfils all that is asked for; it is asked in one round trip.

        Args:
            gpu_required: at least one GPU.
            min_memory: memory in MB (2**20 bytes).
            min_cpu_cores: number of cores.
            installed_executables: programs that must all be on the PATH.
            filter_commands: commands that must all print ``true``, in any case, as their last
                line.

        Raises:
            InvalidRuntimeError: the host cannot be used.
            ValueError: a filter is empty.
        """
        return self._ask(
            lambda core: core.check_filter(
                gpu_required, min_memory, min_cpu_cores, installed_executables, filter_commands
            )
        )

    # -- variables and folders

    @property
    def env_variables(self) -> dict[str, str]:
        """Variables of all tasks here. ``WORKING_DIR`` is always set on top of them."""
        return self._core.env_variables

    @env_variables.setter
    def env_variables(self, env_variables: Mapping[str, str]) -> None:
        self._core.env_variables = dict(env_variables)

    def add_env_variables(self, env_variables: Mapping[str, str]) -> None:
        """Add variables; of one name, the new one counts."""
        self._core.env_variables.update(env_variables)

    @property
    def working_dir(self) -> str:
        """The absolute path of the directory in which steps run."""
        return self._ask(ScriptRuntime.working_dir)

    @working_dir.setter
    def working_dir(self, working_dir: str) -> None:
        self._ask(lambda core: core.set_working_dir(working_dir))

    def create_tempdir(self) -> str:
        """Make a temporary directory, removed by :meth:`cleanup`; gives its absolute path.

        Raises:
            PathCreationError: it cannot be made.
        """
        return self._ask(ScriptRuntime.create_tempdir)

    def create_dir(self, path: str) -> str:
        """Make a directory and those above it; gives its absolute path.

        Raises:
            ValueError: the path is empty.
            PathCreationError: it cannot be made.
        """
        return self._ask(lambda core: core.create_dir(path))

    def delete_dir(self, path: str) -> bool:
        """Delete a directory with all that is in it; False when there is none, or it stays.

        Raises:
            ValueError: the path is empty.
        """
        return self._ask(lambda core: core.delete_dir(path))

    # -- tasks

    def execute_task(
        self,
        task: RuntimeTask,
        execute_async: bool = True,
        omit_on_join: bool = False,
        debug: bool = False,
    ) -> RuntimeTask:
        """Execute the steps of a task, one after the other, in the working directory.

        Args:
            task: what to execute.
            execute_async: return at once; a failure is then raised by :meth:`join`.
            omit_on_join: joining does not wait for it, and it goes on after the script.
            debug: print the output as it arrives, with the host in front of each line. Without
                it, the logger ``lazytui`` gets it with the level debug after each step.

        Returns:
            The task.

        Raises:
            TaskExecutionError: a step failed, and ``execute_async`` is false.
            InvalidRuntimeError: the host cannot be used.
            ValueError: the task has no step.
        """
        self._ask(
            lambda core: core.execute_task(
                task._core,
                omit_on_join=omit_on_join,
                wait=not execute_async,
                tell=print_lines if debug else None,
            )
        )
        return task

    def send_file(
        self,
        local_path: str | PathLike[str],
        remote_path: str | PathLike[str] | None = None,
        execute_async: bool = False,
    ) -> RuntimeTask:
        """Send a file or a folder to the host.

        Args:
            local_path: on this machine.
            remote_path: on the host; by default the same name in the working directory.
            execute_async: return at once.

        Raises:
            ValueError: a path is empty.
            TaskExecutionError: it could not be sent, and ``execute_async`` is false.
        """
        task = RuntimeTask().send_file(local_path, remote_path)
        return self.execute_task(task, execute_async)

    def get_file(
        self,
        remote_path: str | PathLike[str],
        local_path: str | PathLike[str] | None = None,
        execute_async: bool = False,
    ) -> RuntimeTask:
        """Get a file or a folder from the host.

        Args:
            remote_path: on the host; a relative one is below the working directory.
            local_path: on this machine; by default the present directory.
            execute_async: return at once.

        Raises:
            ValueError: a path is empty.
            TaskExecutionError: it could not be got, and ``execute_async`` is false.
        """
        task = RuntimeTask().get_file(remote_path, local_path)
        return self.execute_task(task, execute_async)

    def execute_function(
        self,
        function: Callable[..., Any],
        execute_async: bool = False,
        debug: bool = False,
        **func_kwargs: Any,
    ) -> RuntimeTask:
        """Call a Python function on the host.

        Args:
            function: anything that can be called; see :meth:`RuntimeTask.run_function`.
            execute_async: return at once.
            debug: print what it prints as it arrives.
            func_kwargs: its keyword arguments.

        Returns:
            The task; its ``function_returns`` has the value.

        Raises:
            ValueError: it cannot be called.
            FunctionSendError: something about it cannot be sent; the message says what.
            TaskExecutionError: it raised, and ``execute_async`` is false.
        """
        task = RuntimeTask().run_function(function, **func_kwargs)
        return self.execute_task(task, execute_async, debug=debug)

    @property
    def function_returns(self) -> Generator[Any, None, None]:
        """What functions gave back that were called here, in the order of the starts.

        Reading waits for each task.

        Raises (when it is read):
            TaskExecutionError: a step failed.
            UntrustedReturnError: what was given back holds more than plain data.
        """
        yield from returns_of(self._core.executions.joined)

    @property
    def task_processes(self) -> list[TaskProcess]:
        """The executions of tasks here, in the order of their starts."""
        return [TaskProcess(run) for run in self._core.executions.all]

    @property
    def alive_task_process_count(self) -> int:
        """How many tasks run here."""
        return len(self._core.executions.alive())

    @property
    def alive_process_count(self) -> int:
        """How many tasks run here, and ports are exposed."""
        return len(self.get_processes(only_alive=True))

    def get_processes(self, only_alive: bool = False) -> dict[str, Process]:
        """Give the executions of tasks and the exposed ports, by their keys."""
        found: dict[str, Process] = {}
        for number, run in enumerate(self._core.executions.all, 1):
            found[f"{_TASK}{number}::{run.task.name}"] = TaskProcess(run)
        for exposure in self._core.exposures:
            found[exposure.key] = PortProcess(exposure)
        return {key: each for key, each in found.items() if each.is_alive() or not only_alive}

    def get_process(self, key: str) -> Process:
        """Give a process by its key.

        Raises:
            ValueError: there is none of that key.
        """
        found = self.get_processes().get(key)
        if found is None:
            raise ValueError(f"{self.host} has no process {key!r}")
        return found

    def stop_process(self, key: str) -> None:
        """End a process.

        Raises:
            ValueError: there is none of that key.
        """
        self.get_process(key).terminate()

    @classmethod
    def is_runtime_task_process(cls, key: str) -> bool:
        """Whether a key is that of a task."""
        return key.startswith(_TASK)

    @classmethod
    def is_port_exposure_process(cls, key: str) -> bool:
        """Whether a key is that of an exposed port."""
        return key.startswith(_PORT)

    def execution_log(self, task_name: str) -> Sequence[str]:
        """Give what each step of a task printed that was executed here.

        Raises:
            ValueError: no task of that name was.
        """
        return RuntimeTask._of(self._core.executions.of(task_name).task).execution_log

    def print_log(self) -> None:
        """Print what all tasks printed that were executed here."""
        for task in self._core.executions.tasks:
            RuntimeTask._of(task).print_log()

    def echo(self, msg: str) -> str:
        """Give what ``echo msg`` prints in the host's shell: variables in it are filled in.

        Raises:
            TaskExecutionError: the shell does not understand it.
        """
        return self._ask(lambda core: core.echo(msg))

    def join(self) -> None:
        """Wait until all tasks that were started here are over.

        Raises:
            TaskExecutionError: one failed, and nobody was told so before.
        """
        self._ask(ScriptRuntime.join)

    def clear_tasks(self) -> None:
        """Forget the tasks that were executed here; what still runs goes on."""
        self._core.clear_tasks()

    def cleanup(self) -> None:
        """End what runs here, remove temporary directories and exposures, close the connection.

        What was asked to outlive the script goes on. The runtime may be used again.
        """
        if not is_over():
            self._ask(ScriptRuntime.cleanup)

    # -- inside

    def _here(self, session: Session) -> ScriptRuntime:
        """Give it as the session has it; that may be a new one, after a fork or a close."""
        if self._core.session is not session:
            self._core = self._core.moved_to(session)
        return self._core

    def _ask(self, do: Callable[[ScriptRuntime], Coroutine[Any, Any, Answer]]) -> Answer:
        with our_tasks_in_errors():
            return call(lambda session: do(self._here(session)))
