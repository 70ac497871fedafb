"""The output of a run: a view of its spool file that reads only what is on the screen."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ClassVar

from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import Worker, WorkerState

from lazytui.core.lines import LineIndex, RawLine
from lazytui.text import sanitize
from lazytui.tui.widgets.log_line import Palette, draw_line

if TYPE_CHECKING:
    from pathlib import Path

    from textual import events

log = logging.getLogger(__name__)

_FRAME_S = 1 / 30  # growth within it is shown at once
_PIECE = 8 * 1024 * 1024  # bytes indexed by one visit to a thread, about 5 ms
_TAIL = 96 * 1024  # bytes of a file's end that are shown while its index is not there yet
_KEPT_STRIPS = 1000
_NAMED = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


class LogView(ScrollView, can_focus=True):
    """Shows a file that grows, line by line, as a terminal would draw each line.

    The end of the file is there at once, whatever its size. While ``follow`` is on the view stays
    at the end; it goes off when the user scrolls up, and on again at the end. Binds no keys but
    those of scrolling. A file that is missing, was truncated or replaced is looked at again with
    the next :meth:`grew`.

    Args:
        path: the file to show, or None to show nothing yet; it need not exist.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log-view--remark",
        *(f"log-view--{name}" for name in _NAMED),
    }
    DEFAULT_CSS = """
    LogView {
        scrollbar-size-horizontal: 0;
        & > .log-view--remark { color: $text-muted; }
        & > .log-view--black { color: $text-muted; }
        & > .log-view--red { color: $error; }
        & > .log-view--green { color: $success; }
        & > .log-view--yellow { color: $warning; }
        & > .log-view--blue { color: #73b8ff; }
        & > .log-view--magenta { color: $secondary; }
        & > .log-view--cyan { color: $primary; }
        & > .log-view--white { color: $foreground; }
    }
    """
    ALLOW_SELECT = False  # the cells are drawn by hand

    follow: reactive[bool] = reactive(True, init=False, repaint=False)
    """True while the view stays at the end."""

    class FollowChanged(Message):
        """The view began to follow, or stopped."""

        def __init__(self, log_view: LogView, follow: bool) -> None:
            super().__init__()
            self.log_view = log_view
            self.follow = follow

        @property
        def control(self) -> LogView:
            """The view it happened in."""
            return self.log_view

    def __init__(
        self,
        path: Path | None = None,
        *,
        id: str | None = None,  # noqa: A002  as every widget has it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._path = path
        self._whole: LineIndex | None = None
        self._tail: LineIndex | None = None  # shown instead, while the whole is not indexed
        self._reopen = False
        self._wake = asyncio.Event()
        self._strips: dict[int, Strip] = {}
        self._widest = 0
        self._unfinished_row: int | None = None
        self._palette: Palette | None = None
        self._remark = ""

    # --- what the screen calls ---------------------------------------------------------------

    @property
    def line_count(self) -> int:
        """How many lines can be scrolled through now."""
        return self._shown.line_count if self._shown else 0

    def open(self, path: Path | None) -> None:
        """Show another file, from its end."""
        self._path = path
        self._reopen = True
        self.follow = True
        self._wake.set()

    def grew(self, size: int) -> None:
        """Take notice that the file has ``size`` bytes now; call it as often as you like."""
        if self._whole is None or size != self._whole.end:
            self._wake.set()

    def action_toggle_follow(self) -> None:
        """Stay at the end as lines come, or stop that."""
        self.follow = not self.follow

    def action_scroll_end(self) -> None:
        """Go to the end and stay there."""
        self.follow = True
        self._go_to_end()

    def action_scroll_home(self) -> None:
        """Go to the first line."""
        self._leave_tail()
        self.scroll_to(0, 0)

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        """Scroll at once: an animated page would be a dozen frames through a slow connection."""
        super().scroll_to(x, y, **{**options, "animate": False})

    # --- following ---------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Stop following when scrolled up, begin when scrolled to the end."""
        super().watch_scroll_y(old_value, new_value)
        self.follow = round(new_value) >= self.max_scroll_y

    def watch_follow(self, follow: bool) -> None:
        """Go to the end, and tell the screen."""
        if follow:
            self._go_to_end()
            self._wake.set()
        self.post_message(self.FollowChanged(self, follow))

    def on_resize(self, event: events.Resize) -> None:
        """Keep the end in sight."""
        if self.follow:
            self._go_to_end()

    def _go_to_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, force=True)

    # --- reading the file --------------------------------------------------------------------

    def on_mount(self) -> None:
        """Begin to read."""
        self.run_worker(self._watch(), group="log-view", exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say that reading ended by a mistake of ours, instead of standing still."""
        if event.state is WorkerState.ERROR:
            log.error("reading %s failed", self._path, exc_info=event.worker.error)
            self._forget(f"Cannot show the output: {event.worker.error!r}")

    @property
    def _shown(self) -> LineIndex | None:
        return self._tail or self._whole

    async def _watch(self) -> None:
        """Read what is new, again and again, until the widget goes."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._catch_up()
                except FileNotFoundError:
                    self._forget("No output so far.")
                except OSError as error:
                    self._forget(f"Cannot read {self._path}: {error.strerror}")
                await asyncio.sleep(_FRAME_S)
                await self._wake.wait()
        finally:
            self._close()

    async def _catch_up(self) -> None:
        if self._whole is None or self._reopen or self._whole.is_outdated():
            self._reopen = False
            self._forget("No output so far.")
            if self._path is None:
                return
            self._whole = LineIndex(self._path)
        whole, more = self._whole, True
        while more and not self._reopen:
            more = await asyncio.to_thread(whole.extend, _PIECE)
            if more and self.follow and self._tail is None:
                self._show_tail(whole)
            if self._tail is not None:
                await asyncio.to_thread(self._tail.extend, _PIECE)
            if not more:
                self._leave_tail()
            self._show_growth()

    def _show_tail(self, whole: LineIndex) -> None:
        self._tail = LineIndex(whole.path, last_bytes=_TAIL)
        self._strips.clear()
        self._unfinished_row = None

    def _leave_tail(self) -> None:
        """Number the lines from the start of the file, with the same ones in sight if known."""
        tail, whole = self._tail, self._whole
        if tail is None or whole is None:
            return
        self._tail = None
        tail.close()
        self._strips.clear()
        self._unfinished_row = None
        self._set_virtual_size()
        if not self.follow and tail.start <= whole.end:
            self.scroll_to(y=self.scroll_offset.y + whole.line_at(tail.start), force=True)

    def _show_growth(self) -> None:
        shown = self._shown
        if shown is None:
            return
        changed = self.virtual_size.height
        if self._unfinished_row is not None:
            changed = min(changed, self._unfinished_row)
            self._strips.pop(self._unfinished_row, None)
        self._unfinished_row = shown.line_count - 1 if shown.is_unfinished else None
        self._set_virtual_size()
        if self.follow:
            self._go_to_end()
        if changed <= self.scroll_offset.y + self.size.height:
            self.refresh()

    def _set_virtual_size(self) -> None:
        self.virtual_size = Size(self._widest, self.line_count)

    def _forget(self, remark: str) -> None:
        self._close()
        self._strips.clear()
        self._widest = 0
        self._unfinished_row = None
        self._remark = sanitize(remark, max_chars=500)
        self._set_virtual_size()
        self.refresh()

    def _close(self) -> None:
        for index in (self._tail, self._whole):
            if index is not None:
                index.close()
        self._tail = self._whole = None

    # --- drawing -----------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """Draw anew, in other colours."""
        super().notify_style_update()
        self._palette = None
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """Draw one row of the view."""
        left, top = self.scroll_offset
        strip = self._strip(top + y)
        return strip.crop_extend(left, left + self.size.width, self._colours.base)

    def _strip(self, row: int) -> Strip:
        if (strip := self._strips.get(row)) is not None:
            return strip
        if row < self.line_count:
            self._draw_rows(row)
            return self._strips.get(row, Strip([]))
        if row == 0:
            return draw_line(RawLine(self._remark.encode()), self._colours)
        return Strip([])

    def _draw_rows(self, first: int) -> None:
        """Read and draw the rows from ``first`` on that are in sight and not drawn yet."""
        shown = self._shown
        if shown is None:
            return
        if len(self._strips) > _KEPT_STRIPS:
            self._strips.clear()
        last = first + 1
        while last < self.scroll_offset.y + self.size.height and last not in self._strips:
            last += 1
        try:
            lines = shown.read(first, last)
        except OSError as error:
            lines = [RawLine(f"cannot read this line: {error.strerror}".encode())]
        for row, line in enumerate(lines, first):
            self._strips[row] = strip = draw_line(line, self._colours)
            if strip.cell_length > self._widest:
                self._widest = strip.cell_length
                self.call_later(self._set_virtual_size)  # not in the middle of a frame

    @property
    def _colours(self) -> Palette:
        if self._palette is None:
            self._palette = Palette(
                base=self.rich_style,
                named=tuple(
                    self.get_component_styles(f"log-view--{name}").color.rich_color
                    for name in _NAMED
                ),
                remark=self.get_component_rich_style("log-view--remark"),
            )
        return self._palette
