"""What a terminal sends, as Textual's events: keys, mouse, pastes, focus, sizes.

The bytes may be cut anywhere and may be garbage; a client may send more of them than an app can
work through. Neither harms the engine's loop or its memory.
"""

from __future__ import annotations

import logging
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Protocol

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, XTermParser

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable
    from contextvars import Context

    from textual.message import Message

log = logging.getLogger(__name__)

# Read at a time: the parser goes character by character, and others want the loop too.
SLICE_BYTES = 2048
# Kept for an app that is behind; what comes above that is lost, as with a full keyboard buffer.
WAITING_BYTES = 4 * 1024 * 1024
# A paste that has not ended after so many characters is taken for its first part.
PASTE_CHARS = 1024 * 1024
# The parser counts its time from its own last character; never look a moment too early.
TIMEOUT_SLACK_S = 0.002


class Turns(Protocol):
    """Whoever works the events off, one after the other."""

    def call_later(self, callback: Callable[[], object]) -> bool:
        """Call back when all events so far are worked off; False when it ends."""


class Typed:
    """Reads the bytes of one terminal and tells its events.

    Args:
        tell: is given each event.
        turns: works them off; nothing more is read while it is far behind.
        loop: where the escape key alone is waited for.
        context: that of the app, in which everything here runs.
    """

    def __init__(
        self,
        tell: Callable[[Message], None],
        turns: Turns,
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> None:
        self._tell = tell
        self._turns = turns
        self._loop = loop
        self._context = context
        self._waiting = bytearray()
        self._reading = False
        self._stopped = False
        self._timeout: asyncio.TimerHandle | None = None
        self._begin()

    def _begin(self) -> None:
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._parser = XTermParser()
        self._silent_chars = 0

    def received(self, data: bytes) -> None:
        """Take bytes as they come."""
        room = WAITING_BYTES - len(self._waiting)
        if self._stopped or not room:
            return
        if len(data) > room:
            log.warning("a terminal sends faster than it is read: %d bytes lost", len(data) - room)
        self._waiting += data[:room]
        if not self._reading:
            self._reading = True
            self._loop.call_soon(self._read, context=self._context)

    def stop(self) -> bytes:
        """Tell nothing any more; gives what was not read yet."""
        self._stopped = True
        self._cancel_timeout()
        rest, self._waiting = bytes(self._waiting), bytearray()
        return rest

    def resume(self) -> None:
        """Begin anew after a stop."""
        self._stopped = False
        self._begin()

    def _read(self) -> None:
        if self._stopped:
            self._reading = False
            return
        piece = bytes(self._waiting[:SLICE_BYTES])
        del self._waiting[:SLICE_BYTES]
        self._feed(self._decode(piece))
        self._reading = bool(self._waiting) and self._turns.call_later(self._read)

    def _feed(self, text: str) -> None:
        self._cancel_timeout()
        if not text:
            return
        if self._pass_on(self._parser.feed(text)):
            self._silent_chars = 0
        else:
            self._silent_chars += len(text)
        if self._silent_chars > PASTE_CHARS:
            self._silent_chars = 0
            self._pass_on(self._parser.feed(BRACKETED_PASTE_END))
        self._await_timeout()

    def _pass_on(self, found: Iterable[Message]) -> bool:
        """Tell what the parser finds; gives whether there was anything."""
        told = False
        try:
            for event in found:
                self._tell(event)
                told = True
                if isinstance(event, events.Resize):
                    # Textual takes mouse reports for pixels then; they were not asked for.
                    self._parser.mouse_pixels = False
        except Exception:
            # The parser is not made for numbers that no terminal sends, and is dead now.
            log.warning("a terminal sent what no terminal sends", exc_info=True)
            self._begin()
        return told

    # The escape key alone is told from the begin of a sequence by what does not follow.

    def _await_timeout(self) -> None:
        due, delay = self._parser._timeout_time, self._parser._awaiting.timeout
        if due is not None and delay is not None:
            self._timeout = self._loop.call_later(
                delay + TIMEOUT_SLACK_S, self._tick, context=self._context
            )

    def _tick(self) -> None:
        self._timeout = None
        self._pass_on(self._parser.tick())
        self._await_timeout()

    def _cancel_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
