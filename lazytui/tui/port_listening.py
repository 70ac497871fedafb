"""What listens on hosts and is not exposed, as it was a few seconds ago."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.core.model import HostState
from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.exposure_model import Suggestion
    from lazytui.tui.context import Clock, EngineView

EVERY_S = 10.0  # a look at one host
MOST_HOSTS = 16  # asked when no host is meant


class Listening:
    """Asks hosts that are up, seldom, and remembers what they said.

    Args:
        engine: asks them.
        clock: says when it is time again.
    """

    def __init__(self, engine: EngineView, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._found: dict[str, Sequence[Suggestion]] = {}
        self._asked_at: dict[str, float] = {}

    def of(self, host: str) -> Sequence[Suggestion]:
        """Give what was found last on a host, without what has been exposed since."""
        exposed = {
            service.service
            for each in self._engine.exposures.all()
            if each.spec.source == host
            for service in each.spec.services
        }
        return [each for each in self._found.get(host, ()) if each.port not in exposed]

    def is_due(self, host: str) -> bool:
        """Whether a host is up and was not asked lately."""
        runtime = self._engine.runtimes.get(host)
        if runtime is None or runtime.state is not HostState.ACTIVE:
            return False
        asked_at = self._asked_at.get(host)
        return asked_at is None or self._clock.monotonic() - asked_at >= EVERY_S

    async def look(self, host: str) -> None:
        """Ask a host; one that does not answer has nothing to offer."""
        self._asked_at[host] = self._clock.monotonic()
        try:
            self._found[host] = await self._engine.exposures.suggestions(host)
        except LazytuiError:
            self._found.pop(host, None)

    async def look_around(self) -> list[tuple[str, Suggestion]]:
        """Ask the first hosts that are up; gives what listens on each."""
        up = [
            host
            for host, runtime in self._engine.runtimes.items()
            if runtime.state is HostState.ACTIVE
        ][:MOST_HOSTS]
        await asyncio.gather(*(self.look(host) for host in up))
        return [(host, each) for host in up for each in self.of(host)]
