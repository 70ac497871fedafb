"""A group as a script uses it: runtimes that one works with as if they were one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from lazytui.core.placement import least_busy
from lazytui.core.script import asking
from lazytui.core.script.mapping import map_on
from lazytui.core.script.ports import expose_between, expose_to
from lazytui.core.script.runtime import ScriptRuntime
from lazytui.core.script.task import ScriptTask
from lazytui.core.script.together import each
from lazytui.core.script.tracking import Executions, finish, start
from lazytui.errors import NoPortsLeftError, UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from typing import Any

    from lazytui.core.script.session import Session
    from lazytui.core.script.telling import Tell

    Mapper = Callable[[Callable[[Any], Any], list[Any]], Awaitable[list[Any]]]


Item = TypeVar("Item")
Answer = TypeVar("Answer")


class ScriptGroup:
    """Runtimes in an order of their own. Make one with :meth:`Session.group`.

    Args:
        session: what the script holds.
        runtimes: the members.
    """

    def __init__(self, session: Session, runtimes: Iterable[ScriptRuntime]) -> None:
        self.session = session
        self._members: dict[str, ScriptRuntime] = {}
        self.executions = Executions()
        self.mapper: Mapper | None = None  # of a cluster that runs on the group
        for runtime in runtimes:
            self._add(runtime)

    @classmethod
    async def make(
        cls,
        session: Session,
        runtimes: Iterable[ScriptRuntime] | None = None,
        hosts: Iterable[str] | None = None,
        working_dir: str | None = None,
    ) -> Self:
        """Make a group; see :meth:`Session.group`."""
        if (runtimes is None) == (hosts is None):
            raise ValueError("a group is made of runtimes or of hosts: give one of them")
        if runtimes is not None:
            group = cls(session, runtimes)
            if working_dir is not None:
                await each(group.runtimes, lambda member: member.set_working_dir(working_dir))
            return group
        names = asking.several(hosts)
        group = cls(session, [ScriptRuntime(session, name, working_dir) for name in names])
        try:
            await each(group.runtimes, ScriptRuntime.open)
        except BaseException:
            await group.cleanup()
            raise
        return group

    # -- members

    @property
    def hosts(self) -> list[str]:
        """The hosts of the members."""
        return list(self._members)

    @property
    def runtimes(self) -> list[ScriptRuntime]:
        """The members."""
        return list(self._members.values())

    @property
    def runtime_count(self) -> int:
        """How many members there are."""
        return len(self._members)

    def contains_runtime(self, host: str) -> bool:
        """Whether a host is a member."""
        return host in self._members

    async def add_runtime(
        self, host: str | None = None, runtime: ScriptRuntime | None = None
    ) -> None:
        """Add a member, by its host or as a runtime.

        Raises:
            ValueError: both or neither are given, or the host is a member already.
            InvalidRuntimeError: the host cannot be used.
        """
        if (host is None) == (runtime is None):
            raise ValueError("add a runtime or a host: give one of them")
        if host is not None:
            self._refuse_twice(host)
            runtime = await self.session.runtime(host)
        assert runtime is not None
        self._add(runtime)

    def remove_runtime(self, host: str) -> None:
        """Take a member out; what runs there goes on.

        Raises:
            ValueError: it is none.
        """
        self._member(host)
        del self._members[host]

    def get_runtime(self, host: str | None = None) -> ScriptRuntime:
        """Give a member: the least busy one, unless a host is named.

        That is the one with the fewest alive runs; ties go to the one with most free memory,
        then to the first.

        Raises:
            ValueError: the host is no member, or there is none.
            UsageError: no member can be used now; :meth:`choose` tries them again.
        """
        if host is not None:
            return self._member(host)
        if not self._members:
            raise ValueError("the group has no hosts")
        known = map(self.session.engine.runtime, self._members)
        return self._member(least_busy(known).host)

    async def choose(self, host: str | None = None) -> ScriptRuntime:
        """Give a member as :meth:`get_runtime` does; if none can be used, all are tried again.

        Raises:
            ValueError: the host is no member, or there is none.
            InvalidRuntimeError: no member can be used; the first says why, the others are notes.
        """
        try:
            return self.get_runtime(host)
        except UsageError:
            if not any(await each(self.runtimes, ScriptRuntime.is_valid_runtime)):
                await each(self.runtimes, ScriptRuntime.connected)
        return self.get_runtime()

    def get_runtimes(
        self,
        include_hosts: str | Sequence[str] | None = None,
        exclude_hosts: str | Sequence[str] | None = None,
    ) -> dict[str, ScriptRuntime]:
        """Give some members by their hosts: all, only some, or all but some.

        Raises:
            ValueError: both are given, or a host is no member.
        """
        if include_hosts is not None and exclude_hosts is not None:
            raise ValueError("give hosts to include or hosts to exclude, not both")
        if include_hosts is not None:
            return {host: self._member(host) for host in asking.several(include_hosts)}
        excluded = asking.several(exclude_hosts)
        for host in excluded:
            self._member(host)
        return {host: each for host, each in self._members.items() if host not in excluded}

    def _add(self, runtime: ScriptRuntime) -> None:
        self._refuse_twice(runtime.host)
        self._members[runtime.host] = runtime

    def _refuse_twice(self, host: str) -> None:
        if host in self._members:
            raise ValueError(f"{host!r} is in the group already")

    def _member(self, host: str) -> ScriptRuntime:
        if host not in self._members:
            raise ValueError(
                f"{host!r} is not in the group; it has {', '.join(self._members) or 'no hosts'}"
            )
        return self._members[host]

    # -- variables

    def set_env_variables(self, env_variables: Mapping[str, str]) -> None:
        """Replace the variables of all members."""
        for runtime in self.runtimes:
            runtime.env_variables = dict(env_variables)

    def add_env_variables(self, env_variables: Mapping[str, str]) -> None:
        """Add variables to those of all members; of one name, the new one counts."""
        for runtime in self.runtimes:
            runtime.env_variables.update(env_variables)

    # -- what the hosts are

    async def fill_runtime_info_buffers(self) -> None:
        """Read what all members are, all at once.

        Raises:
            InvalidRuntimeError: one cannot be used now.
        """
        await each(self.runtimes, ScriptRuntime.info)

    # -- ports

    async def has_free_port(
        self, port: int, exclude_hosts: str | Sequence[str] | None = None
    ) -> bool:
        """Whether nobody listens on a port on any member but the excluded ones.

        Raises:
            ValueError: it is no port, or an excluded host is no member.
            InvalidRuntimeError: a host cannot be asked.
        """
        asking.check_port(port)
        members = self.get_runtimes(exclude_hosts=exclude_hosts).values()
        return all(await each(members, lambda member: member.has_free_port(port)))

    async def get_free_port(
        self, ports: Sequence[int], enforce_check_on_localhost: bool = False
    ) -> int:
        """Give the first of some ports that is free on all members.

        Args:
            ports: to choose from.
            enforce_check_on_localhost: it must be free on the manager, too.

        Raises:
            NoPortsLeftError: none is free everywhere, or there are none.
            ValueError: one is no port.
            InvalidRuntimeError: a host cannot be asked.
        """
        left = asking.check_ports(ports)
        count = len(left)
        if enforce_check_on_localhost:
            left = asking.free_here(left)
        answers = await each(self.runtimes, lambda member: member.free_ports(left)) if left else []
        left = [port for port in left if all(port in free for free in answers)]
        if not left:
            raise NoPortsLeftError(
                f"none of the {count} given ports is free on all of {', '.join(self.hosts)}; "
                "give more ports"
            )
        return left[0]

    async def expose_port_to_runtimes(
        self,
        local_port: int,
        runtime_port: int | list[int] | None = None,
        exclude_hosts: str | Sequence[str] | None = None,
    ) -> int:
        """Make a port of the manager reachable on all members but the excluded ones, or on none.

        Args:
            local_port: where the service listens on the manager.
            runtime_port: where it becomes reachable: the same number by default; of a list, the
                first that is free on all.
            exclude_hosts: members where it is not to be reached.

        Returns:
            The port where it is reachable.

        Raises:
            ValueError: a port is none, an excluded host is no member, or no member is left.
            PortInUseError: the port is taken on a member.
            NoPortsLeftError: none of the list is free on all.
            InvalidRuntimeError, ExposureError: a host cannot be used, or does not allow it.
        """
        members = list(self.get_runtimes(exclude_hosts=exclude_hosts).values())
        return (await expose_to(self.session, members, local_port, runtime_port)).port

    async def expose_port_from_runtime_to_group(
        self, host: str, runtime_port: int, group_port: int | list[int] | None = None
    ) -> int:
        """Make a port of a member reachable on all others, or on none.

        It goes through the manager, without occupying a port there.

        Args:
            host: the member with the service.
            runtime_port: where it listens there.
            group_port: where it becomes reachable: the same number by default; of a list, the
                first that is free on all others.

        Returns:
            The port where it is reachable.

        Raises:
            ValueError: the host is no member, a port is none, or there is no other member.
            PortInUseError: the port is taken on a member.
            NoPortsLeftError: none of the list is free on all.
            InvalidRuntimeError, ExposureError: a host cannot be used, or does not allow it.
        """
        source = self._member(host)
        others = [member for member in self.runtimes if member is not source]
        return (await expose_between(self.session, source, others, runtime_port, group_port)).port

    # -- tasks

    async def execute_task(
        self,
        task: ScriptTask,
        host: str | None = None,
        *,
        broadcast: bool = False,
        omit_on_join: bool = False,
        wait: bool = False,
        tell: Tell | None = None,
    ) -> list[ScriptTask]:
        """Start a task on the least busy member, on a named one, or on all.

        Args:
            task: what to execute. A broadcast executes it itself on the first member, and copies
                of it on the others.
            host: the member to execute it on.
            broadcast: execute it on every member.
            omit_on_join: joining does not wait for it, and a clean-up leaves it running.
            wait: wait until it is over; cancelling that interrupts it.
            tell: called with the host and whole lines of output, from another thread.

        Returns:
            The tasks that were started, in the order of the members.

        Raises:
            ValueError: the host is no member; both a host and broadcast are given; the group is
                empty; the task has no step.
            InvalidRuntimeError: a host cannot be used; nothing was started.
            TaskExecutionError: a step failed, and it was waited for.
        """
        if broadcast and host is not None:
            raise ValueError("a task runs on one host or on all: give host or broadcast, not both")
        if not self._members:
            raise ValueError("the group has no hosts")
        members = self.runtimes if broadcast else [await self.choose(host)]
        tasks = [task, *(task.copy() for _ in members[1:])]
        pairs = list(zip(members, tasks, strict=True))
        begun = await start(self.session, pairs, omit_on_join=omit_on_join, tell=tell)
        for each_task in tasks:
            self.executions.add(each_task)
        if wait:
            await finish(begun)
        return tasks

    async def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        """Call a function with each item, on the Dask cluster of the group if one runs.

        Without one, each member gets an equal share, as one step with that function.

        Args:
            function: called with one item at a time.
            items: what to call it with.

        Returns:
            What it gave back, in the order of the items.

        Raises:
            ValueError: the group has no hosts.
            TaskExecutionError: it failed on a host.
        """
        given = list(items)
        if not self._members:
            raise ValueError("the group has no hosts")
        if self.mapper is not None:
            return await self.mapper(function, given)
        return await map_on(self.session, self.runtimes, function, given)

    async def send_file(
        self,
        local_path: str | os.PathLike[str],
        remote_path: str | os.PathLike[str] | None = None,
        *,
        wait: bool = False,
    ) -> list[ScriptTask]:
        """Send a file or a folder to all members; it is read once for all of them."""
        task = ScriptTask().send_file(local_path, remote_path)
        return await self.execute_task(task, broadcast=True, wait=wait)

    async def join(self) -> None:
        """Wait until all that was started through the group is over.

        Raises:
            TaskExecutionError: something failed, and nobody was told so before.
        """
        await self.executions.join()

    def clear_tasks(self) -> None:
        """Forget what was executed on the members and through the group."""
        self.executions.clear()
        for runtime in self.runtimes:
            runtime.clear_tasks()

    async def cleanup(self) -> None:
        """Clean up all members; see :meth:`ScriptRuntime.cleanup`."""
        await each(self.runtimes, ScriptRuntime.cleanup)
        self.executions.clear()
