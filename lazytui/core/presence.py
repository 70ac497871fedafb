"""Who is attached: the terminals through which people look at one engine."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lazytui.core.events import PresenceChanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lazytui.core.events import EventBus


@dataclass(frozen=True, slots=True, eq=False)
class Attached:
    """One terminal. Two are never equal, however alike they are.

    Args:
        name: where it is, such as ``pts/3`` or ``192.0.2.7``; any text.
        since: when it attached, in seconds since the epoch.
    """

    name: str
    since: float = field(default_factory=time.time)


class Presence:
    """The terminals that are attached to an engine, and an event whenever one comes or goes."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._terminals: list[Attached] = []

    @property
    def terminals(self) -> tuple[Attached, ...]:
        """Everybody, in the order in which they came."""
        return tuple(self._terminals)

    @contextmanager
    def attach(self, terminal: Attached) -> Iterator[None]:
        """Count a terminal in for as long as the ``with`` lasts."""
        self._terminals.append(terminal)
        self._events.publish(PresenceChanged())
        try:
            yield
        finally:
            self._terminals.remove(terminal)
            self._events.publish(PresenceChanged())
