"""A Textual driver over a terminal channel: the terminal is somewhere else, and may be slow.

Textual's own driver reads and writes the terminal of its process, in threads that block when it
does not read. This one serves one of many terminals on the engine's loop and never blocks: output
is queued in the channel, whole frames are left out while the reader is behind, and a full one is
painted when it has caught up.
"""

from __future__ import annotations

import logging
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Final

from textual import events, messages
from textual.driver import Driver
from textual.drivers.linux_driver import (
    KITTY_DISAMBIGUATE_ESCAPE_CODES,
    KITTY_REPORT_ALL_KEYS,
    KITTY_REPORT_ASSOCIATED_TEXT,
)
from textual.geometry import Size

from lazytui.door.channel import HIGH_BYTES
from lazytui.door.gate import LENT, SLOW, Gate
from lazytui.door.typed import Typed

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App
    from textual.message import Message

    from lazytui.door.channel import TerminalChannel, TerminalEvents

log = logging.getLogger(__name__)

# Nothing at all is queued above this: texts for the clipboard are no frames, and long.
BACKLOG_LIMIT_BYTES = 1024 * 1024
# Nobody has a larger terminal, and painting one would hold up all others.
MOST_COLUMNS, MOST_ROWS = 800, 300
UNKNOWN_SIZE = (80, 24)
FRAMES_OVER_SSH = 15

_KITTY: Final = (
    KITTY_DISAMBIGUATE_ESCAPE_CODES | KITTY_REPORT_ALL_KEYS | KITTY_REPORT_ASSOCIATED_TEXT
)
_MOUSE = (1000, 1003, 1015, 1006)  # buttons, all motion, and two notations; as Textual asks
_ALTERNATE, _CURSOR, _FOCUS, _PASTE, _WRAP, _IN_BAND_SIZE = 1049, 25, 1004, 2004, 7, 2048
_SAVE_TITLE, _RESTORE_TITLE = "\x1b[22;0t", "\x1b[23;0t"
_PUSH_KITTY, _POP_KITTY = f"\x1b[>{_KITTY}u", "\x1b[<u"
_ASK_SYNCHRONIZED, _ASK_IN_BAND_SIZE = "\x1b[?2026$p", "\x1b[?2048$p"


class ChannelDriver(Driver):
    """Powers display and input of an app over a :class:`~lazytui.door.channel.TerminalChannel`.

    Args:
        app: whose terminal it is.
        channel: the terminal.
        debug: not used.
        mouse: listen to the mouse.
        size: not used; the channel knows it.
    """

    def __init__(
        self,
        app: App[object],
        *,
        channel: TerminalChannel,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=clamped(channel.size))
        self._channel = channel
        self._environ = channel.environ
        # What the channel calls does not know whose app it is; the app's own context does.
        self._context = copy_context()
        over_ssh = bool(self._environ.get("SSH_CONNECTION"))
        self.gate = Gate(
            app, self._loop, self._context, frame_s=1 / FRAMES_OVER_SSH if over_ssh else 0.0
        )
        self._typed = Typed(self.process_message, app, self._loop, self._context)
        self._pending: list[str] = []
        self._flush_due = False
        self._borrower: TerminalEvents | None = None
        self._in_band_size = False
        self._resize_due = False
        self._gone = False

    # Output

    def write(self, data: str) -> None:
        """Queue output; never blocks. What is written in one go leaves in one piece."""
        if self._gone or self._borrower is not None:
            return
        self._pending.append(data)
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand what is queued to the channel; Textual calls this at the end of every frame."""
        self._flush_due = False
        text, self._pending = "".join(self._pending), []
        if not text or self._gone:
            return
        if self._channel.backlog > BACKLOG_LIMIT_BYTES:
            self.gate.missed()
        else:
            self._channel.write(text.encode("utf-8", "replace"))
        if self._channel.backlog > HIGH_BYTES:
            self.gate.shut(SLOW)

    # What the terminal is told to be

    def start_application_mode(self) -> None:
        """Take the terminal: the alternate screen, the mouse and everything else."""
        self._modes_on(first=True)
        self._post_size()
        self._channel.start(self)

    def disable_input(self) -> None:
        """Listen to the keyboard no more."""
        self._typed.stop()

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was found."""
        self.gate.end()
        self._typed.stop()
        if self._borrower is None:
            self._modes_off()

    def close(self) -> None:
        """Hand over what is queued; whoever serves the terminal closes the channel."""
        self.flush()
        self._gone = True

    def _modes_on(self, *, first: bool) -> None:
        self.write(_SAVE_TITLE + _set(_ALTERNATE) + _reset(_CURSOR) + _set(_FOCUS))
        self.write(_PUSH_KITTY + _set(_PASTE) + _reset(_WRAP))
        if self._mouse:
            self.write("".join(map(_set, _MOUSE)))
        if self._in_band_size:
            self.write(_set(_IN_BAND_SIZE))
        # Apple's terminal knows neither, and prints the end of the question.
        if first and self._environ.get("TERM_PROGRAM") != "Apple_Terminal":
            self.write(_ASK_SYNCHRONIZED + _ASK_IN_BAND_SIZE)
        self.flush()

    def _modes_off(self) -> None:
        if self._in_band_size:
            self.write(_reset(_IN_BAND_SIZE))
        if self._mouse:
            self.write("".join(map(_reset, _MOUSE)))
        # The kitty keys belong to the alternate screen and have to go before it does.
        self.write(_reset(_PASTE) + _set(_WRAP) + _POP_KITTY)
        self.write(_reset(_ALTERNATE) + _set(_CURSOR) + _reset(_FOCUS) + _RESTORE_TITLE)
        self.flush()

    # The terminal for somebody else

    def lend(self, borrower: TerminalEvents) -> None:
        """Give the terminal to somebody who speaks to it in bytes: a shell, an editor.

        It is restored as before the app; then all that it sends, its sizes and its end go to the
        borrower, who writes to the channel itself. The app goes on, and paints nothing. What was
        typed ahead and not read yet is the borrower's.

        Args:
            borrower: is told what the terminal says, until :meth:`reclaim`.

        Raises:
            RuntimeError: it is lent already.
        """
        if self._borrower is not None:
            raise RuntimeError("the terminal is lent already")
        self.gate.shut(LENT)
        self._modes_off()
        self._borrower = borrower
        if typed_ahead := self._typed.stop():
            borrower.received(typed_ahead)

    def reclaim(self) -> None:
        """Take the terminal back and paint it whole. Does nothing when it was not lent."""
        if self._borrower is None:
            return
        self._borrower = None
        if self._gone:
            return
        self._typed.resume()
        self._modes_on(first=False)
        self._resized(*self._channel.size)
        self.gate.open(LENT)

    @property
    def is_lent(self) -> bool:
        """Whether somebody else has the terminal."""
        return self._borrower is not None

    @property
    def channel(self) -> TerminalChannel:
        """The terminal, for whoever borrows it."""
        return self._channel

    # What the channel tells

    def received(self, data: bytes) -> None:
        """Bytes came from the terminal."""
        if self._borrower is not None:
            self._borrower.received(data)
        else:
            self._typed.received(data)

    def resized(self, columns: int, rows: int) -> None:
        """The terminal has another size; the same again: it was away and has to be painted."""
        if self._borrower is not None:
            self._borrower.resized(columns, rows)
        elif clamped((columns, rows)) == self._size:
            self._back_again()
        elif not self._in_band_size:
            self._resized(columns, rows)

    def drained(self) -> None:
        """The reader has caught up."""
        if self._borrower is not None:
            self._borrower.drained()
        self._in_context(self.gate.open, SLOW)

    def closed(self) -> None:
        """The terminal is gone: the app ends, and leaves what would stop without asking."""
        self._gone = True
        if self._borrower is not None:
            self._borrower.closed()
        self._in_context(self._app.exit)

    def _back_again(self) -> None:
        """Paint a terminal whole that somebody else has written to."""
        self.write(_POP_KITTY)
        self._modes_on(first=False)
        self._in_context(self._app.refresh, layout=True)

    # What the app is told

    def send_message(self, message: Message) -> None:
        """Hand a message to the app; everything here is on its loop already."""
        self._app.post_message(message)

    def process_message(self, message: Message) -> None:
        """Tell an event of the terminal to the app, in its bounds."""
        if isinstance(message, messages.InBandWindowResize):
            # The app is not told: it would scroll in steps of pixels, many frames each.
            if message.supported and not self._in_band_size:
                self._in_band_size = True
                self.write(_set(_IN_BAND_SIZE))
        elif isinstance(message, events.Resize):
            self._resized(*message.size)
        else:
            super().process_message(message)

    def _resized(self, columns: int, rows: int) -> None:
        self._size = clamped((columns, rows))
        if not self._resize_due:
            self._resize_due = True
            self._loop.call_soon(self._post_size, context=self._context)

    def _post_size(self) -> None:
        self._resize_due = False
        size = Size(*(self._size or UNKNOWN_SIZE))
        self.send_message(events.Resize(size, size))

    def _in_context(self, call: Callable[..., object], *words: object, **named: object) -> None:
        """Do something as the app would, soon: what it starts belongs to it."""
        self._loop.call_soon(partial(call, *words, **named), context=self._context)


def clamped(size: tuple[int, int]) -> tuple[int, int]:
    """Give a size that can be painted; a terminal that does not know its own says 0."""
    columns, rows = size
    if columns <= 0 or rows <= 0:
        return UNKNOWN_SIZE
    return min(columns, MOST_COLUMNS), min(rows, MOST_ROWS)


def _set(mode: int) -> str:
    return f"\x1b[?{mode}h"


def _reset(mode: int) -> str:
    return f"\x1b[?{mode}l"
