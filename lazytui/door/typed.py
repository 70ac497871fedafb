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
from textual.message import Message

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable
    from contextvars import Context

log = logging.getLogger(__name__)

# Read at a time. A key may keep an app busy for a millisecond, a character of a paste for one
# microsecond; so pieces grow and shrink with the time that the last one took.
LEAST_SLICE_BYTES, MOST_SLICE_BYTES = 16, 4096
SLICE_S = 0.01
# Kept for an app that is behind; what comes above that is lost, as with a full keyboard buffer.
WAITING_BYTES = 4 * 1024 * 1024
# A paste that has not ended after so many characters is taken for its first part.
PASTE_CHARS = 1024 * 1024
# The parser counts its time from its own last character; never look a moment too early.
TIMEOUT_SLACK_S = 0.002


class Turn(Message, bubble=False):
    """Comes to the app behind the events of a piece, when it has worked them off.

    Args:
        taken: to be called then.
    """

    def __init__(self, taken: Callable[[], None]) -> None:
        super().__init__()
        self.taken = taken


class Turns(Protocol):
    """The app, which works the events off, one after the other."""

    def post_message(self, message: Message) -> bool:
        """Queue a message; False when the app ends."""


class Typed:
    """Reads the bytes of one terminal and tells its events.

    Args:
        tell: is given each event.
        turns: works them off; nothing more is read meanwhile.
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
        self._slice = LEAST_SLICE_BYTES
        self._began = 0.0
        self._busy = False
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
        self._read_soon()

    def stop(self) -> bytes:
        """Tell nothing any more; gives what was not read yet."""
        self._stopped = True
        self._cancel_timeout()
        # A cache of Textual's holds the parsers of all terminals; this one lets go of its app.
        self._parser._gen.close()
        rest, self._waiting = bytes(self._waiting), bytearray()
        return rest

    def resume(self) -> None:
        """Begin anew after a stop."""
        self._stopped = False
        self._begin()
        self._read_soon()

    def _read_soon(self) -> None:
        if self._waiting and not self._busy:
            self._busy = True
            self._loop.call_soon(self._read, context=self._context)

    def _read(self) -> None:
        self._busy = False
        if self._stopped:
            return
        self._began = self._loop.time()
        piece = bytes(self._waiting[: self._slice])
        del self._waiting[: self._slice]
        self._feed(self._decode(piece))
        self._busy = self._turns.post_message(Turn(self._taken))

    def _taken(self) -> None:
        """The app has worked the piece off; others have their turn before the next one."""
        took = self._loop.time() - self._began
        if took < SLICE_S:
            self._slice = min(2 * self._slice, MOST_SLICE_BYTES)
        else:
            self._slice = max(self._slice // 2, LEAST_SLICE_BYTES)
        if len(self._waiting) <= LEAST_SLICE_BYTES:
            self._busy = False
            self._read_soon()
        else:
            self._loop.call_later(took, self._read, context=self._context)

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
        if not self._waiting:  # else something follows, and is only not read yet
            self._pass_on(self._parser.tick())
            self._await_timeout()

    def _cancel_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
