"""When an app may paint: not ahead of its reader, not more often than its line is good for.

A frame that nobody takes would pile up in memory, or block the loop. While the gate is shut none
is made at all; when it opens, the screen is painted as it is then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from contextvars import Context

    from textual.app import App

# Why a gate is shut.
SLOW = "slow"  # the reader is behind
PACE = "pace"  # the last frame was a moment ago
LENT = "lent"  # the terminal belongs to somebody else


class Gate:
    """Shuts and opens the painting of one app. Starts open.

    Args:
        app: which paints.
        loop: its loop.
        context: that of the app, in which what is timed runs.
        frame_s: the least time between two frames, in seconds; 0 for Textual's own.
    """

    def __init__(
        self,
        app: App[object],
        loop: asyncio.AbstractEventLoop,
        context: Context,
        *,
        frame_s: float = 0.0,
    ) -> None:
        self._app = app
        self._loop = loop
        self._context = context
        self._frame_s = frame_s
        self._reasons: set[str] = set()
        self._missed = False
        self._ended = False

    @property
    def is_shut(self) -> bool:
        """Whether no frame may be made now."""
        return bool(self._reasons)

    def shut(self, reason: str) -> None:
        """Let the app paint nothing for a reason."""
        if self._ended:
            return
        if not self._reasons:
            # Textual's own way to put off layout and painting; counted, so others may do so too.
            self._app._begin_batch()
        self._reasons.add(reason)

    def open(self, reason: str) -> None:
        """Take a reason away; with the last one the app paints what has changed."""
        if self._ended or reason not in self._reasons:
            return
        self._reasons.remove(reason)
        self._missed |= reason != PACE
        if self._reasons:
            return
        self._app._end_batch()
        if not self._app._screen_stack:
            return
        if self._missed:
            self._missed = False
            self._app.screen.refresh(layout=True)
        else:
            self._app.screen.check_idle()

    def painted(self) -> None:
        """A frame was made; wait before the next one."""
        if self._frame_s and not self._ended:
            self.shut(PACE)
            self._loop.call_later(self._frame_s, self.open, PACE, context=self._context)

    def missed(self) -> None:
        """A frame was made while the gate was shut, and is lost: everything has to be painted."""
        self._missed = True

    def end(self) -> None:
        """Do nothing any more; the app is leaving, and puts off its painting itself."""
        self._ended = True
