"""Events of the engine and the bus that carries them to many subscribers.

The engine never waits for a screen: publishing puts the event into each subscriber's own
queue, which is bounded because a newer event replaces an unread one about the same thing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator


@dataclass(frozen=True, slots=True)
class RuntimeChanged:
    """Something about a host changed: state, reason, information or metrics."""

    host: str

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("runtime", self.host)


@dataclass(frozen=True, slots=True)
class HostsChanged:
    """The ssh config has changed: hosts came, went, or stand elsewhere."""

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("hosts",)


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A run was made, started, ended, or changed its reason."""

    run_id: str
    task_id: int

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("run", self.run_id)


@dataclass(frozen=True, slots=True)
class OutputGrew:
    """The spool of a run has grown to ``size`` bytes."""

    run_id: str
    size: int

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("output", self.run_id)


@dataclass(frozen=True, slots=True)
class TransferMoved:
    """The files that a run sends or gets have come further; see ``engine.transfers``."""

    run_id: str

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("transfer", self.run_id)


@dataclass(frozen=True, slots=True)
class GroupsChanged:
    """A group was added, changed or removed."""

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("groups",)


@dataclass(frozen=True, slots=True)
class ExposureChanged:
    """An exposure was added, removed, changed its state, or carried something."""

    id: int

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("exposure", self.id)


@dataclass(frozen=True, slots=True)
class ClusterChanged:
    """A cluster was added, removed, changed its state, or one of its workers did."""

    name: str

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("cluster", self.name)


@dataclass(frozen=True, slots=True)
class QuestionsChanged:
    """A question waits for an answer, or one was answered."""

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("questions",)


@dataclass(frozen=True, slots=True)
class AuditChanged:
    """Somebody did something that is worth knowing later."""

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("audit",)


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """A terminal was attached to the engine, or left it."""

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("presence",)


@dataclass(frozen=True, slots=True)
class NeedsChanged:
    """What an engine without a terminal stays for has changed."""

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("needs",)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know that belongs to no row: text in plain words."""

    text: str
    severity: str = "warning"  # information, warning, error

    @property
    def key(self) -> Hashable:
        """Events with one key replace each other while unread."""
        return ("notice", self.text)


Event = (
    RuntimeChanged
    | HostsChanged
    | RunChanged
    | OutputGrew
    | TransferMoved
    | ExposureChanged
    | GroupsChanged
    | ClusterChanged
    | QuestionsChanged
    | AuditChanged
    | PresenceChanged
    | NeedsChanged
    | Notice
)


class Subscription:
    """One subscriber's queue. Read it with :meth:`get` or :meth:`drain`."""

    def __init__(self) -> None:
        self._pending: OrderedDict[Hashable, Event] = OrderedDict()
        self._ready = asyncio.Event()

    def put(self, event: Event) -> None:
        """Add an event; an unread one with the same key is replaced, never piled up."""
        self._pending[event.key] = event
        self._ready.set()

    async def get(self) -> Event:
        """Wait for the oldest unread event."""
        await self._ready.wait()
        _, event = self._pending.popitem(last=False)
        if not self._pending:
            self._ready.clear()
        return event

    async def drain(self) -> list[Event]:
        """Wait until there is something, then take all of it (for screens, in batches)."""
        await self._ready.wait()
        events = list(self._pending.values())
        self._pending.clear()
        self._ready.clear()
        return events


class EventBus:
    """Carries events to every subscriber on the same loop."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def publish(self, event: Event) -> None:
        """Hand an event to all subscribers; never blocks."""
        for subscription in self._subscriptions:
            subscription.put(event)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Give a queue that gets every event published inside the ``with``."""
        subscription = Subscription()
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
