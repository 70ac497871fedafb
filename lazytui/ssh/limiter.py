"""How many connections may be starting at one moment.

sshd drops new connections at random from 10 unauthenticated ones on (``MaxStartups 10:30:100``):
60 at once on one sshd lost 20, 8 at a time lost none (measured). So at most 8 start per target
address or bastion, and 64 in all, so that a thousand hosts do not meet the limit of open files.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class StartLimiter:
    """Hands out the right to be connecting.

    Args:
        per_address: connections starting at once towards one address or through one bastion.
        total: connections starting at once in all.
    """

    def __init__(self, per_address: int, total: int) -> None:
        self._per_address = per_address
        self._total = asyncio.Semaphore(total)
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._users: Counter[str] = Counter()

    @asynccontextmanager
    async def starting(self, address: str) -> AsyncIterator[Callable[[], None]]:
        """Wait for a place, and hold it inside the ``async with``.

        Args:
            address: what is limited together: ``ip:port``, or the bastion's alias.

        Gives a function that gives the place back earlier, for one who waits for a person.
        """
        gate = self._gates.setdefault(address, asyncio.Semaphore(self._per_address))
        self._users[address] += 1
        try:
            # The narrow gate first: who waits for a busy bastion takes nobody else's place.
            with ExitStack() as held:
                for semaphore in (gate, self._total):
                    await semaphore.acquire()
                    held.callback(semaphore.release)
                yield held.close
        finally:
            self._users[address] -= 1
            if not self._users[address]:
                del self._users[address], self._gates[address]
