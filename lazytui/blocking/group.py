"""The seed's RuntimeGroup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from lazytui.blocking.calls import call, is_over
from lazytui.blocking.held import Held
from lazytui.blocking.ports import GroupPorts
from lazytui.blocking.printing import print_hosts, print_info
from lazytui.blocking.runtime import Runtime
from lazytui.blocking.task import RuntimeTask, our_tasks_in_errors, returns_of
from lazytui.core.script.group import ScriptGroup
from lazytui.tables import print_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
    from os import PathLike

    from lazytui.blocking.process import TaskProcess
    from lazytui.core.script.session import Session

Answer = TypeVar("Answer")
Item = TypeVar("Item")


class RuntimeGroup(GroupPorts, Held):
    """Runtimes that one works with as if they were one.

    Examples:
        >>> group = RuntimeGroup(hosts=["host-1", "host-2"])
        >>> tasks = group.execute_task(RuntimeTask().run_command("hostname"), broadcast=True)

    Args:
        runtimes: the members; without them, ``hosts`` must be given.
        hosts: of the members, which are connected all at once.
        working_dir: of the members; temporary ones by default.

    Raises:
        ValueError: both or neither are given, or one host is there twice.
        InvalidRuntimeError: a host cannot be used.
        PathCreationError: the working directory cannot be made on a host.
    """

    def __init__(
        self,
        runtimes: list[Runtime] | None = None,
        hosts: list[str] | None = None,
        working_dir: str | None = None,
    ) -> None:
        self._runtimes = {each.host: each for each in runtimes or ()}

        async def make(session: Session) -> ScriptGroup:
            members = None if runtimes is None else [each._here(session) for each in runtimes]
            return await session.group(members, hosts, working_dir)

        self._core = call(make)

    @classmethod
    def _of(cls, core: ScriptGroup) -> RuntimeGroup:
        made = cls.__new__(cls)
        made._core = core
        made._runtimes = {}
        return made

    def __repr__(self) -> str:
        """Say what it is."""
        return f"<{type(self).__name__} {', '.join(self.hosts)}>"

    # -- members

    @property
    def hosts(self) -> list[str]:
        """The hosts of the members."""
        return self._core.hosts

    @property
    def runtimes(self) -> list[Runtime]:
        """The members."""
        return [self._runtime(host) for host in self._core.hosts]

    @property
    def runtime_count(self) -> int:
        """How many members there are."""
        return self._core.runtime_count

    def contains_runtime(self, host: str) -> bool:
        """Whether a host is a member."""
        return self._core.contains_runtime(host)

    def add_runtime(self, host: str | None = None, runtime: Runtime | None = None) -> None:
        """Add a member, by its host or as a runtime.

        Raises:
            ValueError: both or neither are given, or the host is a member already.
            InvalidRuntimeError: the host cannot be used.
        """

        async def add(session: Session) -> None:
            member = None if runtime is None else runtime._here(session)
            await self._here(session).add_runtime(host, member)

        call(add)
        if runtime is not None:
            self._runtimes[runtime.host] = runtime

    def remove_runtime(self, host: str) -> None:
        """Take a member out; what runs there goes on.

        Raises:
            ValueError: it is none.
        """
        self._core.remove_runtime(host)
        self._runtimes.pop(host, None)

    def get_runtime(self, host: str | None = None) -> Runtime:
        """Give a member: the least busy one, unless a host is named.

        That is the one with the fewest alive runs; ties go to the one with most free memory,
        then to the first.

        Raises:
            ValueError: the host is no member, or there is none.
            InvalidRuntimeError: no member can be used.
        """

        async def choose(session: Session) -> str:
            return (await self._here(session).choose(host)).host

        return self._runtime(call(choose))

    def get_runtimes(
        self,
        include_hosts: str | list[str] | None = None,
        exclude_hosts: str | list[str] | None = None,
    ) -> dict[str, Runtime]:
        """Give some members by their hosts: all, only some, or all but some.

        Raises:
            ValueError: both are given, or a host is no member.
        """
        chosen = self._core.get_runtimes(include_hosts, exclude_hosts)
        return {host: self._runtime(host) for host in chosen}

    # -- variables

    def set_env_variables(self, env_variables: Mapping[str, str]) -> None:
        """Replace the variables of all members."""
        self._core.set_env_variables(env_variables)

    def add_env_variables(self, env_variables: Mapping[str, str]) -> None:
        """Add variables to those of all members; of one name, the new one counts."""
        self._core.add_env_variables(env_variables)

    # -- what the hosts are

    def print_hosts(self) -> None:
        """Print the hosts of the group."""
        print_hosts(self.hosts, {})

    def print_runtime_info(self) -> None:
        """Print what the members are, as a table."""
        self.fill_runtime_info_buffers_async()
        print_info([runtime.info for runtime in self.runtimes])

    def fill_runtime_info_buffers_async(self) -> None:
        """Read what all members are, all at once, so that asking for it takes no time.

        Raises:
            InvalidRuntimeError: a host cannot be used.
        """
        self._ask(ScriptGroup.fill_runtime_info_buffers)

    # -- tasks

    @overload
    def execute_task(
        self,
        task: RuntimeTask,
        host: str | None = None,
        broadcast: Literal[False] = False,
        execute_async: bool = True,
        debug: bool = False,
        omit_on_join: bool = False,
    ) -> RuntimeTask: ...
    @overload
    def execute_task(
        self,
        task: RuntimeTask,
        host: None = None,
        *,
        broadcast: Literal[True],
        execute_async: bool = True,
        debug: bool = False,
        omit_on_join: bool = False,
    ) -> list[RuntimeTask]: ...
    @overload
    def execute_task(
        self,
        task: RuntimeTask,
        host: str | None = None,
        broadcast: bool = False,
        execute_async: bool = True,
        debug: bool = False,
        omit_on_join: bool = False,
    ) -> RuntimeTask | list[RuntimeTask]: ...
    def execute_task(
        self,
        task: RuntimeTask,
        host: str | None = None,
        broadcast: bool = False,
        execute_async: bool = True,
        debug: bool = False,
        omit_on_join: bool = False,
    ) -> RuntimeTask | list[RuntimeTask]:
        """Execute a task on the least busy member, on a named one, or on all.

        Args:
            task: what to execute. A broadcast executes it itself on the first member, and copies
                of it on the others.
            host: the member to execute it on.
            broadcast: execute it on every member.
            execute_async: return at once; a failure is then raised by :meth:`join`.
            debug: print the output as it arrives, with the host in front of each line. Without
                it, the logger ``lazytui`` gets it with the level debug after each step.
            omit_on_join: joining does not wait for it, and it goes on after the script.

        Returns:
            The task, or the list of tasks of a broadcast, in the order of the members.

        Raises:
            ValueError: the host is no member; both a host and broadcast are given; the group is
                empty; the task has no step.
            InvalidRuntimeError: a host cannot be used; nothing was started.
            TaskExecutionError: a step failed, and ``execute_async`` is false.
        """
        started = self._ask(
            lambda core: core.execute_task(
                task._core,
                host,
                broadcast=broadcast,
                omit_on_join=omit_on_join,
                wait=not execute_async,
                tell=print_lines if debug else None,
            )
        )
        tasks = [RuntimeTask._of(each) for each in started]
        return tasks if broadcast else tasks[0]

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        """Call a function with each item, on the Dask cluster of the group if one runs.

        Returns:
            What it gave back, in the order of the items.

        Raises:
            ValueError: the group has no hosts.
            TaskExecutionError: it failed on a host.
        """
        return self._ask(lambda core: core.map(function, items))

    def send_file(
        self,
        local_path: str | PathLike[str],
        remote_path: str | PathLike[str] | None = None,
        execute_async: bool | None = True,
    ) -> list[RuntimeTask]:
        """Send a file or a folder to all members; it is read once for all of them.

        Args:
            local_path: on this machine.
            remote_path: on the hosts; by default the same name in the working directories.
            execute_async: return at once.

        Returns:
            The tasks that send it.

        Raises:
            ValueError: a path is empty.
            TaskExecutionError: it could not be sent, and ``execute_async`` is false.
        """
        task = RuntimeTask().send_file(local_path, remote_path)
        return self.execute_task(task, broadcast=True, execute_async=bool(execute_async))

    @property
    def function_returns(self) -> Generator[Any, None, None]:
        """What functions gave back, of tasks started through the group, in their order.

        Reading waits for each task.

        Raises (when it is read):
            TaskExecutionError: a step failed.
            UntrustedReturnError: what was given back holds more than plain data.
        """
        yield from returns_of(self._core.executions.joined)

    @property
    def task_processes(self) -> list[TaskProcess]:
        """The executions of tasks on all members."""
        return [process for runtime in self.runtimes for process in runtime.task_processes]

    def print_log(self) -> None:
        """Print what the tasks printed that were executed through the group."""
        for task in self._core.executions.tasks:
            RuntimeTask._of(task).print_log()

    def join(self) -> None:
        """Wait until all tasks that were started through the group are over.

        Raises:
            TaskExecutionError: one failed, and nobody was told so before.
        """
        self._ask(ScriptGroup.join)

    def clear_tasks(self) -> None:
        """Forget the tasks of the group and its members; what still runs goes on."""
        self._core.clear_tasks()

    def cleanup(self) -> None:
        """Clean up all members; see :meth:`Runtime.cleanup`."""
        if not is_over():
            self._ask(ScriptGroup.cleanup)

    # -- inside

    def _runtime(self, host: str) -> Runtime:
        """Give the one runtime that stands for a member."""
        if host not in self._runtimes:
            self._runtimes[host] = Runtime._of(self._core.get_runtime(host))
        return self._runtimes[host]

    def _here(self, session: Session) -> ScriptGroup:
        """Give it as the session has it; that may be a new one, after a fork or a close."""
        if self._core.session is not session:
            self._core = ScriptGroup(session, [each._here(session) for each in self.runtimes])
        return self._core

    def _ask(self, do: Callable[[ScriptGroup], Coroutine[Any, Any, Answer]]) -> Answer:
        with our_tasks_in_errors():
            return call(lambda session: do(self._here(session)))
