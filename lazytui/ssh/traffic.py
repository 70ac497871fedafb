"""What goes through a listener, and what became of its clients. Imports nothing heavy."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class TargetRefusedError(LazytuiError):
    """Nobody took the connection at the other end of a stream; the listener itself is fine.

    Args:
        reason: who refused, in plain words.
        told: the client was told in its own protocol, so that it is not to be reset.
    """

    def __init__(self, reason: str, *, told: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.told = told


@dataclass(slots=True)
class Traffic:
    """What goes through a listener, counted by its streams.

    Args:
        on_change: called on the loop after each change; must be quick.
    """

    on_change: Callable[[], None]
    connections: int = 0
    total: int = 0
    refused: int = 0
    bytes_in: int = 0  # towards the service
    bytes_out: int = 0  # from the service


class Outcomes:
    """What became of clients, by their port: so that a test of a listener knows its own.

    Args:
        on_outcome: called on the loop with the reason of each refusal, empty when one was taken.
    """

    KEPT = 256

    def __init__(self, on_outcome: Callable[[str], None]) -> None:
        self._on_outcome = on_outcome
        self._by_port: dict[int, asyncio.Future[str]] = {}

    def put(self, client_port: int, reason: str) -> None:
        """Note that a client was refused for a reason, or taken: with an empty one."""
        future = self._of(client_port)
        if not future.done():
            future.set_result(reason)
        self._on_outcome(reason)

    def expect(self, client_port: int) -> asyncio.Future[str]:
        """Give what became of a client, or will: the reason of its refusal, or an empty text."""
        return self._of(client_port)

    def _of(self, client_port: int) -> asyncio.Future[str]:
        future = self._by_port.get(client_port)
        if future is None or (future.done() and len(self._by_port) > self.KEPT):
            future = asyncio.get_running_loop().create_future()
            self._by_port[client_port] = future
            while len(self._by_port) > self.KEPT:
                self._by_port.pop(next(iter(self._by_port)))
        return future
