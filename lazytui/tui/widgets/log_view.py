"""The output of a run: a view of its spool file that reads only what is on the screen."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.reactive import reactive
from textual.worker import Worker, WorkerState

from lazytui.core.arrivals import ArrivalTimes, times_path
from lazytui.core.lines import RawLine
from lazytui.text import sanitize
from lazytui.tui.widgets.log_draw import Times
from lazytui.tui.widgets.log_file import LogFile
from lazytui.tui.widgets.log_pane import LogPane
from lazytui.tui.widgets.log_rows import Mark, Rows
from lazytui.tui.widgets.log_wrap import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lazytui.core.matches import MatchIndex
    from lazytui.core.search import Query

log = logging.getLogger(__name__)

_FRAME_S = 1 / 30  # growth within it is shown at once
_TIMES_LATER_S = 0.4  # the time of a line is known a moment after the line
_MAX_MARKS = 100


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of the matches in a view.

    Args:
        query: what is looked for.
        count: how many lines match, so far.
        rank: which of them the user is at, from 0.
        share: how much of the file was searched, 0 to 1.
        only: no other lines are shown.
    """

    query: Query
    count: int
    rank: int | None
    share: float
    only: bool


class LogView(LogPane):
    """Shows a file that grows, line by line, as a terminal would draw each line.

    The end of the file is there at once, whatever its size. While ``follow`` is on the view stays
    at the end; it goes off when the user scrolls up, and on again at the end. Binds no keys but
    those of scrolling. A file that is missing, was truncated or replaced is looked at again with
    the next :meth:`grew`.

    Args:
        path: the file to show, or None to show nothing yet; it need not exist.
    """

    raw: reactive[bool] = reactive(False, init=False, repaint=False)
    """Every state of a progress bar is a line of its own."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        id: str | None = None,  # noqa: A002  as every widget has it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._path = path
        self._file: LogFile | None = None
        self._breaks: Sequence[int] = ()  # where in the file a line begins in any case
        self._last_row = 0  # of the last line, as shown: it may go on
        self._marks: list[Mark] = []
        self._query: Query | None = None
        self._only = False
        self._rank: int | None = None  # of the match that the user is at
        self._seeking = False  # go to a match as soon as they are known
        self._return_to: int | None = None  # the offset of the line to be at the top again
        self._paused_at = 0  # bytes there were when the view stopped to follow
        self._drawing.arrivals = ArrivalTimes(times_path(path)) if path else None
        self._wake = asyncio.Event()

    # --- what the screen calls ---------------------------------------------------------------

    @property
    def end(self) -> int:
        """How many bytes of the file are known."""
        return self._rows.lines.end if self._rows else 0

    @property
    def place_name(self) -> str:
        """What part of the output the user is in, if it has parts."""
        return ""

    @property
    def new_below(self) -> int:
        """How many lines came since the view stopped to follow."""
        if self.follow or self._rows is None:
            return 0
        return self._rows.rows_after(self._paused_at)

    @property
    def found(self) -> Found | None:
        """What is known of the matches; None when nothing is looked for."""
        if self._query is None:
            return None
        if self._file is None or self._file.matches is None:
            return Found(self._query, 0, None, 1.0, self._only)
        matches, whole = self._file.matches, self._file.whole
        size = max(whole.end, self._file.shown.end)
        share = 1.0 if self._file.searched or not size else matches.end / size
        return Found(self._query, matches.count, self._rank, share, self._only)

    def starts_at(self, epoch: float | None) -> None:
        """Say when the run started, in seconds since the epoch: times may count from there."""
        self._drawing.started = epoch

    def open(self, path: Path | None) -> None:
        """Show another file, from its end."""
        self._path = path
        self._drawing.arrivals = ArrivalTimes(times_path(path)) if path else None
        self._marks.clear()
        self._forget("No output so far.")
        self.follow = True
        self._wake.set()

    def grew(self, size: int, *, at: float | None = None) -> None:
        """Take notice that the file has ``size`` bytes now; call it as often as you like.

        Args:
            size: of the file.
            at: when it grew, in seconds since the epoch, if that is known.
        """
        file, arrivals = self._file, self._drawing.arrivals
        if file is not None and file.whole.end == size:
            return
        if at is not None and arrivals is not None and file is not None and file.tail is None:
            arrivals.saw(file.whole.end, size, at)
        self._wake.set()

    def find(self, query: Query | None, *, jump: bool = False) -> None:
        """Mark what is found; None marks nothing and shows all lines again.

        Args:
            query: what to look for.
            jump: go to the match that is nearest above the end of the view.
        """
        if query != self._query:
            self._query = self._drawing.query = query
            self._rank = self._drawing.here = None
            if self._file is not None:
                self._file.find(query)
            if self._only:
                self.only_matching(on=query is not None)
            self._redraw()
            self._wake.set()
        self._seeking = jump and query is not None
        self._seek()
        self.post_message(self.Changed(self))

    def only_matching(self, *, on: bool) -> None:
        """Show only the lines that match, or all of them."""
        self._only = on and self._query is not None
        self._show_other_rows()

    def go_to_match(self, step: int) -> None:
        """Go ``step`` matches on, or back; behind the last comes the first."""
        matches = self._file.matches if self._file else None
        if matches is None or not matches.count:
            return
        self._seeking = False
        if step:
            self.follow = False  # or what comes would carry the match away
        self._leave_tail()
        if self._rank is None:
            self._rank = self._nearest_match()
        else:
            self._rank = (self._rank + step) % matches.count
        line = matches.line(self._rank)
        self._drawing.here = matches.index.start_of(line)
        self._redraw()
        self._show_line(line)
        self.post_message(self.Changed(self))

    def mark(self, at: float) -> None:
        """Draw a line under the output there is.

        Args:
            at: the time to write on it, in seconds since the epoch.
        """
        if self._rows is not None and len(self._marks) < _MAX_MARKS:
            self._marks.append(Mark(self.end, at))
            self._set_rows()
            self._show_growth()

    def lines_in_sight(self) -> list[RawLine]:
        """The lines that are at least partly in sight."""
        places = {self._place_at(y).row for y in range(self.size.height)}
        return self._read(min(places), max(places) + 1) if places else []

    def last_lines(self, most: int) -> list[RawLine]:
        """The last ``most`` of the lines that are shown."""
        if self._rows is None:
            return []
        rows = Rows(self._rows.lines, self._rows.matches)
        return _lines(rows, rows.count - most, rows.count)

    def last_matches(self, most: int) -> list[RawLine]:
        """The last ``most`` of the lines that match, so far."""
        matches = self._file.matches if self._file else None
        if matches is None:
            return []
        rows = Rows(matches.index, matches)
        return _lines(rows, rows.count - most, rows.count)

    def _read(self, first: int, last: int) -> list[RawLine]:
        return _lines(self._rows, first, last) if self._rows else []

    def action_scroll_home(self) -> None:
        """Go to the first line."""
        self._leave_tail()
        super().action_scroll_home()

    def watch_follow(self, follow: bool) -> None:
        """Look for what is new, or count it from now on."""
        if follow:
            self._wake.set()
        else:
            self._paused_at = self.end
        super().watch_follow(follow)

    def watch_raw(self) -> None:
        """Read the file in another way."""
        self._read_anew()

    def watch_times(self) -> None:
        """Show or hide the times."""
        self._drawing.times = self.times
        self._read_times()
        self._show_growth()
        self.refresh()

    def _judge_follow(self) -> None:
        if self._return_to is None:
            self._seeking = False
            super()._judge_follow()

    # --- matches -----------------------------------------------------------------------------

    def _seek(self) -> None:
        """Go to the nearest match once the file has been searched."""
        if self._seeking and self._file is not None and self._file.searched:
            self._seeking = False
            self.go_to_match(0)

    def _nearest_match(self) -> int:
        """The last match above the lower end of the view, else the first one."""
        rows, matches = self._rows, self._file.matches if self._file else None
        if rows is None or matches is None:
            return 0
        bottom = rows.line_of(self.scroll_offset.y + self.size.height - 1)
        return max(0, matches.rank(bottom + 1) - 1)

    def _show_line(self, line: int) -> None:
        if self._rows is None:
            return
        row, top = self._rows.row_of(line), self.scroll_offset.y
        if not top <= row < top + self.size.height - (self.size.height // 2 if self.wrap else 0):
            self._go(Place(min(max(0, row - self.size.height // 3), self.max_scroll_y), 0))

    # --- reading the file --------------------------------------------------------------------

    def on_mount(self) -> None:
        """Begin to read."""
        self.run_worker(self._watch(), group="log-view", exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say that reading ended by a mistake of ours, instead of standing still."""
        if event.state is WorkerState.ERROR:
            log.error("reading %s failed", self._path, exc_info=event.worker.error)
            self._forget(f"Cannot show the output: {event.worker.error!r}")

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
        file = self._file
        if file is None or file.whole.is_outdated():
            self._forget("No output so far.")
            if self._path is None:
                return
            file = self._file = LogFile(self._path, raw=self.raw, breaks=self._breaks)
            file.find(self._query)
            self._set_rows()
        more = True
        while more and file is self._file:
            if not file.breaks_at(self._breaks):
                self._read_anew()
                return
            more = await file.extend(lambda: self.follow and not self._only)
            if file is not self._file:
                return
            if file.is_indexed:
                self._leave_tail()
            if self._rows is None or self._rows.lines is not file.shown:
                self._set_rows()
            self._show_growth()
            self._return()
            self._seek()
        self._return(at_last=True)

    def _read_anew(self) -> None:
        """Read the file from its start, with the same line at the top."""
        if self._file is not None:
            self._keep_place()
            self._close()
        self._wake.set()

    def _leave_tail(self) -> None:
        """Number the lines from the start of the file, with the same ones in sight if known."""
        file = self._file
        start = file.leave_tail() if file else None
        if file is None or start is None:
            return
        self._set_rows()
        self._show_size()
        if not self.follow and self._rows is not None and start <= file.whole.end:
            row = self._rows.row_of(file.whole.line_at(start))
            self.scroll_to(y=self.scroll_offset.y + row, force=True)

    def _show_other_rows(self) -> None:
        """Show other lines of the same file, with the one at the top still there or near it."""
        if self._file is None:
            return
        self._keep_place()
        self._leave_tail()
        self._set_rows()
        self._show_growth()
        self._return(at_last=self._file.searched)
        self.post_message(self.Changed(self))

    def _keep_place(self) -> None:
        if not self.follow and self._rows is not None and self._return_to is None:
            line = self._rows.line_of(self.scroll_offset.y)
            self._return_to = self._rows.lines.start_of(line)

    def _return(self, *, at_last: bool = False) -> None:
        """Go back to the line that was at the top, once it is known where it is now."""
        offset, rows = self._return_to, self._rows
        if offset is None or rows is None:
            return
        known = rows.matches.end if rows.matches else rows.lines.end
        if known > offset or at_last:
            line = rows.lines.line_at(min(offset, rows.lines.end))
            self.scroll_to(y=min(rows.row_of(line), self.max_scroll_y), force=True)
            self._return_to = None

    def _set_rows(self) -> None:
        self._redraw()
        file = self._file
        self._rows = self._rows_of(file) if file else None
        self._last_row = 0

    def _rows_of(self, file: LogFile) -> Rows:
        return Rows(file.shown, self._matches_shown(file), self._marks)

    def _matches_shown(self, file: LogFile) -> MatchIndex | None:
        """The matches, if nothing else is shown."""
        return file.matches if self._only else None

    def _show_growth(self) -> None:
        rows = self._rows
        if rows is None:
            return
        changed, self._last_row = self._last_row, rows.last_row
        self._drawing.forget(changed)  # the last line may go on
        self._drawing.forget(self._last_row)
        if self.times is not Times.OFF:
            self.set_timer(_TIMES_LATER_S, self._read_times)
        self._show_size()
        if self.follow:
            self._go_to_end()
        if (
            self.wrap
            or self._first_changed(rows, changed) <= self.scroll_offset.y + self.size.height
        ):
            self.refresh()
        self.post_message(self.Changed(self))

    def _first_changed(self, rows: Rows, row: int) -> int:
        """The first row that looks different, now that there is more from ``row`` on."""
        return row

    def _read_times(self) -> None:
        arrivals = self._drawing.arrivals
        if arrivals is not None and self.times is not Times.OFF:
            arrivals.refresh()
            self.refresh()

    def _forget(self, remark: str) -> None:
        self._close()
        self._widest = self._part = 0
        self._remark = sanitize(remark, max_chars=500)
        self._show_size()
        self.refresh()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._rows = None
        self._rank = self._drawing.here = None
        self._redraw()


def _lines(rows: Rows, first: int, last: int) -> list[RawLine]:
    """The lines of output among some rows."""
    return [line for line in rows.read(max(0, first), last) if isinstance(line, RawLine)]
