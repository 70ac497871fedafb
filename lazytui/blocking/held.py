"""What all classes have in common that hold something on hosts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from types import TracebackType


class Held(ABC):
    """Holds something on hosts until it is cleaned up: use it in a ``with`` block."""

    @abstractmethod
    def cleanup(self) -> None:
        """Release what it holds."""

    def __enter__(self) -> Self:
        """Use it in a ``with`` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Clean up."""
        self.cleanup()

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: its connections are this process's.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            f"{self!r} holds connections of this process and cannot be sent or copied;"
            " send the names of its hosts"
        )
