"""Typing ahead: every key does its work before the next one is looked at.

Textual hands each key to what has the focus when it arrives, and runs what is bound to it only
when the key has come back from there, some messages later. Of ``/root`` typed in one go ``r``
would open the run sheet before ``/`` has opened the filter. Here a bound key acts at once; what
it sets off is waited for; and keys for what is just coming, a field or a folder, wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from weakref import WeakSet

from textual.events import Key

from lazytui.tui.screens.base import EngineScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App
    from textual.events import Paste
    from textual.widget import Widget

# A field gets the focus a few messages after its screen has come; never waited for longer.
LONGEST_WAIT_S = 0.5
# What a screen reads before its keys mean anything, such as a folder, perhaps of a slow host.
LONGEST_READING_S = 2.0
LOOK_AGAIN_S = 0.01
# What a key sets off is done in a few messages; nothing that hangs keeps the next key back.
LONGEST_SETTLING_S = 1.0


class TypeAhead:
    """Lets keys and pasted texts through one by one, each when the one before has done its work.

    Args:
        app: whose keys.
        press: does what a key or a pasted text is there for.
    """

    def __init__(self, app: App[None], press: Callable[[Key | Paste], Awaitable[None]]) -> None:
        self._app = app
        self._press = press
        self._held: list[Key | Paste] = []
        self._waits_left = 0
        # What was waited for long enough.
        self._given_up: WeakSet[object] = WeakSet()
        self._pressed: Widget | None = None  # what the last one was for
        self._was_letter = False

    async def take(self, event: Key | Paste) -> None:
        """Press a key now, or keep it back until its turn has come."""
        if not self._held and await self._has_turn(event):
            await self._let_through(event)
        else:
            self._held.append(event)
            if len(self._held) == 1:
                self._wait()

    async def _has_turn(self, event: Key | Paste) -> bool:
        if not (self._was_letter and self.is_letter(event)):
            await self._settle()
        return self._awaited() is None

    async def _let_through(self, event: Key | Paste) -> None:
        self._pressed = self._app.focused or self._app.screen
        self._was_letter = self.is_letter(event)
        await self._press(event)

    def is_letter(self, event: Key | Paste) -> bool:
        """Say whether the field that has the focus takes it as a part of its text."""
        field = self._app.focused
        if field is None or not isinstance(event, Key):
            return field is not None
        return field.check_consume_key(event.key, event.character)

    async def _settle(self) -> None:
        """Wait until what the last key set off has come up to its screen, and been answered.

        A field tells its screen of ``enter`` by a message that goes up from parent to parent;
        what a sheet is asked for by is called with its answer. Letters need no such wait: their
        field takes them in order.
        """
        pressed, self._pressed = self._pressed, None
        if pressed is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_SETTLING_S):
                for node in pressed.ancestors_with_self:
                    passed = asyncio.Event()
                    runs = node is not self._app and node.is_running
                    if runs and node.call_later(passed.set):
                        await passed.wait()
        await self._app._flush_next_callbacks()  # answers of sheets

    def _awaited(self) -> object | None:
        """Give what must come before a key means anything; None when all is there."""
        screen = self._app.screen
        if not screen.is_mounted:
            return None if screen in self._given_up else screen
        read = screen.awaited if isinstance(screen, EngineScreen) else None
        if read is not None and read not in self._given_up:
            return read
        if screen.focused is None and screen not in self._given_up and screen.focus_chain:
            return screen
        return None

    def _wait(self) -> None:
        screen = self._app.screen
        has_focus_to_come = screen.is_mounted and self._awaited() is screen
        longest_s = LONGEST_WAIT_S if has_focus_to_come else LONGEST_READING_S
        self._waits_left = round(longest_s / LOOK_AGAIN_S)
        self._app.set_timer(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._waits_left -= 1
        awaited = self._awaited()
        if awaited is not None and self._waits_left > 0:
            self._app.set_timer(LOOK_AGAIN_S, self._look_again)
            return
        if awaited is not None:
            self._given_up.add(awaited)
        self._app.call_later(self._let_go)

    async def _let_go(self) -> None:
        while self._held:
            event = self._held[0]
            if not await self._has_turn(event):
                self._wait()
                return
            del self._held[0]
            await self._let_through(event)
