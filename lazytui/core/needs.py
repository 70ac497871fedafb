"""What an engine has to stay for when nobody looks: held tunnels, clusters, and the like."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lazytui.core.events import NeedsChanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lazytui.core.events import EventBus


class Needs:
    """The reasons why an engine without a terminal must not end by itself.

    Args:
        events: where changes are told.
    """

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._held: dict[int, str] = {}
        self._numbers = 0

    def reasons(self) -> list[str]:
        """Give the reasons, the oldest first."""
        return list(self._held.values())

    def hold(self, reason: str) -> Hold:
        """Keep the engine until the hold is released.

        Args:
            reason: what would stop, in a few words: ``tunnel 8888 to gpu01``.
        """
        self._numbers += 1
        self._held[self._numbers] = reason
        self._events.publish(NeedsChanged())
        return Hold(self, self._numbers)

    @contextlib.contextmanager
    def held(self, reason: str) -> Iterator[None]:
        """Keep the engine inside the ``with``; see :meth:`hold`."""
        hold = self.hold(reason)
        try:
            yield
        finally:
            hold.release()

    def _release(self, number: int) -> None:
        if self._held.pop(number, None) is not None:
            self._events.publish(NeedsChanged())


class Hold:
    """One reason to stay, until :meth:`release`."""

    def __init__(self, needs: Needs, number: int) -> None:
        self._needs = needs
        self._number = number

    def release(self) -> None:
        """Let go; a second time does nothing."""
        self._needs._release(self._number)
