"""A set of runtimes that one works with as if it were one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lazytui.core.model import HostState
from lazytui.core.placement import least_busy
from lazytui.core.plan import AT_ONCE, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.live_run import LiveRun
    from lazytui.core.placement import Choice
    from lazytui.core.runtime import Runtime
    from lazytui.core.task import RuntimeTask, Step


class Start(Protocol):
    """Runs a task on hosts: :meth:`lazytui.core.engine.Engine.start_runs`."""

    async def __call__(
        self, task: RuntimeTask | Step, hosts: Sequence[str], *, plan: Plan = ...
    ) -> list[LiveRun]:
        """Give the runs, one a host."""


class RuntimeGroup:
    """Some runtimes, in an order of their own.

    Args:
        runtimes: its members.
        start: runs a task on hosts.
        name: under which it is kept; empty for one that is not.
    """

    def __init__(self, runtimes: Iterable[Runtime], start: Start, *, name: str = "") -> None:
        self.name = name
        self._members = {runtime.host: runtime for runtime in runtimes}
        self._start = start

    @property
    def hosts(self) -> list[str]:
        """The aliases of the members."""
        return list(self._members)

    @property
    def runtimes(self) -> list[Runtime]:
        """The members, also those that are not active just now."""
        return list(self._members.values())

    @property
    def active(self) -> list[Runtime]:
        """The members that are active now."""
        return [r for r in self._members.values() if r.state is HostState.ACTIVE]

    def __len__(self) -> int:
        """How many members it has."""
        return len(self._members)

    def contains(self, host: str) -> bool:
        """Whether a host is a member."""
        return host in self._members

    def add(self, runtime: Runtime) -> None:
        """Add a member.

        Raises:
            ValueError: it is one already.
        """
        if runtime.host in self._members:
            raise ValueError(f"{runtime.host!r} is in the group already")
        self._members[runtime.host] = runtime

    def remove(self, host: str) -> None:
        """Take a member out.

        Raises:
            ValueError: it is none.
        """
        self._member(host)
        del self._members[host]

    def get_runtime(self, host: str | None = None) -> Runtime:
        """Give a member: the least busy one, unless a host is named.

        Raises:
            ValueError: the host is no member.
            UsageError: no member is active.
        """
        return self._member(self.choose().host if host is None else host)

    def choose(self) -> Choice:
        """Choose the least busy member, and say why: ``0 runs, 61G memory free``.

        That is the active one with the fewest alive runs; ties go to the one with most free
        memory, then to the first.

        Raises:
            UsageError: no member is active.
        """
        return least_busy(self._members.values())

    async def execute(
        self,
        task: RuntimeTask | Step,
        host: str | None = None,
        *,
        broadcast: bool = False,
        plan: Plan = AT_ONCE,
    ) -> list[LiveRun]:
        """Run a task on the least busy member, on a named one, or on all.

        Args:
            task: what to run; each run has its own state.
            host: the member to run on.
            broadcast: run on every member.
            plan: how the runs follow each other.

        Returns:
            The runs, to be waited for.

        Raises:
            ValueError: the host is no member, or both a host and broadcast are asked for.
            UsageError: no member is active, or the group is empty.
        """
        if broadcast and host is not None:
            raise ValueError("a task runs on one host or on all, not both")
        hosts = self.hosts if broadcast else []
        return await self._start(task, hosts or [self.get_runtime(host).host], plan=plan)

    def _member(self, host: str) -> Runtime:
        if host not in self._members:
            raise ValueError(f"{host!r} is not in the group")
        return self._members[host]
