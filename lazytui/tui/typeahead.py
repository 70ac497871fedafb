"""Typing ahead: every key does its work before the next one is looked at.

Textual hands each key to what has the focus when it arrives, and runs what is bound to it only
when the key has come back from there, some messages later. Of ``/root`` typed in one go ``r``
would open the run sheet before ``/`` has opened the filter. Here a bound key acts at once, and
letters for a field that is just coming wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from weakref import WeakSet

from textual.widgets import Input

if TYPE_CHECKING:
    from textual.app import App
    from textual.events import Key
    from textual.screen import Screen
    from textual.widget import Widget

# A field gets the focus a few messages after its screen has come; never waited for longer.
LONGEST_WAIT_S = 0.5
LOOK_AGAIN_S = 0.01
# A field takes its letters at once; a bound key waits for that, but for no field that hangs.
LONGEST_WRITING_S = 1.0


class TypeAhead:
    """Keeps keys for a screen whose field has not got the focus yet.

    Args:
        app: whose keys.
    """

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._held: list[Key] = []
        self._waits_left = 0
        # Where somebody has typed already, nothing is on its way any more.
        self._settled: WeakSet[Screen[object]] = WeakSet()
        self._written_to: Widget | None = None

    def writes_to(self, field: Widget | None) -> None:
        """Remember that letters, or a pasted text, are on their way to a field."""
        self._written_to = field

    async def written(self) -> None:
        """Wait until the field has taken them: ``enter`` must not overtake a command's end."""
        field, self._written_to = self._written_to, None
        if field is None or not field.is_running:
            return
        taken = asyncio.Event()
        field.call_later(taken.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WRITING_S):
                await taken.wait()

    def holds(self, event: Key) -> bool:
        """Keep a key back if its field is on its way, or others are kept back before it."""
        if not self._held:
            if not event.is_printable or not self._field_is_coming():
                return False
            self._waits_left = round(LONGEST_WAIT_S / LOOK_AGAIN_S)
            self._app.set_timer(LOOK_AGAIN_S, self._look_again)
        self._held.append(event)
        return True

    def _field_is_coming(self) -> bool:
        screen = self._app.screen
        if screen in self._settled:
            return False
        if screen.focused is not None or (screen.is_mounted and not screen.query(Input)):
            self._settled.add(screen)
            return False
        return True

    def _look_again(self) -> None:
        self._waits_left -= 1
        if self._waits_left > 0 and self._field_is_coming():
            self._app.set_timer(LOOK_AGAIN_S, self._look_again)
            return
        self._settled.add(self._app.screen)
        self._app.call_later(self._let_go)

    async def _let_go(self) -> None:
        held, self._held = self._held, []
        for event in held:
            await self._app.on_event(event)
