"""Notes in the journal what somebody does with the engine."""

from __future__ import annotations

import contextlib
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from lazytui.core.audit import AuditRecord, Deed, who_does
from lazytui.core.events import AuditChanged, Notice
from lazytui.core.where import fold
from lazytui.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lazytui.core.events import EventBus
    from lazytui.core.journal import Journal

log = logging.getLogger(__name__)

# From where the present task of the loop acts, where that is not what its engine says.
_ORIGIN: ContextVar[str | None] = ContextVar("origin", default=None)


@contextlib.contextmanager
def acting_from(origin: str) -> Iterator[None]:
    """Let what is done inside, and in tasks begun inside, come from somewhere else.

    One engine serves screens and command lines at the same time.

    Args:
        origin: ``screen``, ``command line`` or ``script``.
    """
    token = _ORIGIN.set(origin)
    try:
        yield
    finally:
        _ORIGIN.reset(token)


def origin_now(default: str) -> str:
    """Give the origin of the present task, else the given one."""
    return _ORIGIN.get() or default


class Deeds:
    """Writes the audit of one engine.

    Args:
        journal: where it is kept.
        events: where a new line is published.
        origin: who acts through this engine: ``screen``, ``command line`` or ``script``.
    """

    def __init__(self, journal: Journal, events: EventBus, origin: str) -> None:
        self._journal = journal
        self._events = events
        self._origin = origin

    async def note(
        self,
        what: Deed,
        subject: str,
        hosts: Iterable[str],
        result: str = "",
        *,
        task_id: int | None = None,
    ) -> None:
        """Note something that was done.

        A journal that cannot be written undoes nothing of it: that is told, not raised.
        """
        who = who_does(origin_now(self._origin))
        # Names from the outside may hold bytes that are no text, which SQLite does not take.
        where, subject = (
            text.encode("utf-8", "replace").decode() for text in (fold(hosts), subject)
        )
        line = AuditRecord(time.time(), who, what, subject, where, result, task_id)
        try:
            await self._journal.add_audit(line)
        except JournalError as error:
            log.warning("%s was done, but not noted: %s", what, error)
            self._events.publish(Notice(f"{what}: not noted among the events: {error}"))
            return
        self._events.publish(AuditChanged())
