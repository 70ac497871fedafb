"""What a runtime is, in every form in which a script may read it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from lazytui.blocking.printing import print_info
from lazytui.core.script.runtime import ScriptRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Answer = TypeVar("Answer")

_MB = 1 << 20


class RuntimeFacts(ABC):
    """The part of a runtime that says what its host is."""

    @property
    @abstractmethod
    def host(self) -> str:
        """The name of the host."""

    @abstractmethod
    def _ask(self, do: Callable[[ScriptRuntime], Coroutine[Any, Any, Answer]]) -> Answer: ...

    @property
    def class_name(self) -> str:
        """The name of this class."""
        return type(self).__name__

    @property
    def info(self) -> dict[str, Any]:
        """What the host is: ``os cpu_cores memory python_version gpus host``; read once.

        Memory is in bytes; memory and cores respect the limits of cgroups.
        """
        found = self._ask(ScriptRuntime.info)
        return {
            "host": self.host,
            "os": found.os,
            "cpu_cores": found.cpu_cores,
            "memory": found.memory,
            "python_version": found.python_version,
            "gpus": list(found.gpus),
        }

    @property
    def os(self) -> str:
        """The operating system."""
        return self._ask(ScriptRuntime.info).os

    @property
    def cpu_cores(self) -> int:
        """How many cores there are to use."""
        return self._ask(ScriptRuntime.info).cpu_cores

    @property
    def memory(self) -> int:
        """Bytes of memory there are to use."""
        return self._ask(ScriptRuntime.info).memory

    @property
    def memory_in_mb(self) -> int:
        """Memory in MB (2**20 bytes)."""
        return self.memory // _MB

    @property
    def python_version(self) -> str:
        """The version of the host's Python."""
        return self._ask(ScriptRuntime.info).python_version

    @property
    def gpus(self) -> list[str]:
        """The names of the GPUs."""
        return list(self._ask(ScriptRuntime.info).gpus)

    @property
    def gpu_count(self) -> int:
        """How many GPUs there are."""
        return len(self.gpus)

    def print_info(self) -> None:
        """Print what the host is, as a table."""
        print_info([self.info])
