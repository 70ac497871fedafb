"""Ports of a runtime, and of a group: which are free, and making them reachable elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from lazytui.core.script.group import ScriptGroup
    from lazytui.core.script.runtime import ScriptRuntime

Answer = TypeVar("Answer")


class RuntimePorts(ABC):
    """The part of a runtime that is about ports."""

    @abstractmethod
    def _ask(self, do: Callable[[ScriptRuntime], Coroutine[Any, Any, Answer]]) -> Answer: ...

    def get_free_port(self, ports: Sequence[int]) -> int:
        """Give the first of some ports that is free on the host.

        Raises:
            NoPortsLeftError: none is free, or there are none.
            ValueError: one is no port.
        """
        return self._ask(lambda core: core.get_free_port(ports))

    def has_free_port(self, port: int) -> bool:
        """Whether nobody on the host listens on a port.

        Raises:
            ValueError: it is no port.
        """
        return self._ask(lambda core: core.has_free_port(port))

    def expose_port_to_runtime(
        self, local_port: int, runtime_port: int | list[int] | None = None
    ) -> str:
        """Make a port of this machine reachable on the host.

        Args:
            local_port: where the service listens here.
            runtime_port: where it becomes reachable there: the same number by default; of a
                list, the first that is free.

        Returns:
            The key of the process, for :meth:`get_process` and :meth:`stop_process`.

        Raises:
            ValueError: a port is none.
            PortInUseError: the port is taken.
            NoPortsLeftError: none of the list is free.
        """
        return self._ask(lambda core: core.expose_port_to_runtime(local_port, runtime_port)).key

    def expose_port_from_runtime(
        self, runtime_port: int, local_port: int | list[int] | None = None
    ) -> str:
        """Make a port of the host reachable on this machine; see :meth:`expose_port_to_runtime`."""
        return self._ask(lambda core: core.expose_port_from_runtime(runtime_port, local_port)).key


class GroupPorts(ABC):
    """The part of a group that is about ports."""

    @abstractmethod
    def _ask(self, do: Callable[[ScriptGroup], Coroutine[Any, Any, Answer]]) -> Answer: ...

    def expose_port_to_runtimes(
        self,
        local_port: int,
        runtime_port: int | list[int] | None = None,
        exclude_hosts: str | list[str] | None = None,
    ) -> int:
        """Make a port of this machine reachable on all members but the excluded ones.

        Args:
            local_port: where the service listens here.
            runtime_port: where it becomes reachable: the same number by default; of a list, the
                first that is free on all.
            exclude_hosts: members where it is not to be reached.

        Returns:
            The port where it is reachable.

        Raises:
            ValueError: a port is none, an excluded host is no member, or no member is left.
            PortInUseError: the port is taken on a member; it is exposed on none then.
            NoPortsLeftError: none of the list is free on all.
        """
        return self._ask(
            lambda core: core.expose_port_to_runtimes(local_port, runtime_port, exclude_hosts)
        )

    def expose_port_from_runtime_to_group(
        self, host: str, runtime_port: int, group_port: int | list[int] | None = None
    ) -> int:
        """Make a port of a member reachable on all others.

        Args:
            host: the member with the service.
            runtime_port: where it listens there.
            group_port: where it becomes reachable: the same number by default; of a list, the
                first that is free on all others.

        Returns:
            The port where it is reachable.

        Raises:
            ValueError: the host is no member, a port is none, or there is no other member.
            PortInUseError: the port is taken on a member; it is exposed on none then.
            NoPortsLeftError: none of the list is free on all.
        """
        return self._ask(
            lambda core: core.expose_port_from_runtime_to_group(host, runtime_port, group_port)
        )

    def get_free_port(self, ports: list[int], enforce_check_on_localhost: bool = False) -> int:
        """Give the first of some ports that is free on all members.

        Args:
            ports: to choose from.
            enforce_check_on_localhost: it must be free on this machine, too.

        Raises:
            NoPortsLeftError: none is free everywhere, or there are none.
            ValueError: one is no port.
        """
        return self._ask(lambda core: core.get_free_port(ports, enforce_check_on_localhost))

    def has_free_port(self, port: int, exclude_hosts: list[str] | str | None = None) -> bool:
        """Whether nobody listens on a port on any member but the excluded ones.

        Raises:
            ValueError: it is no port, or an excluded host is no member.
        """
        return self._ask(lambda core: core.has_free_port(port, exclude_hosts))
