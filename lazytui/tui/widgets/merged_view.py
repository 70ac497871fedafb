"""The lines of all hosts of a task as they come, each with the name of its host."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from rich.cells import cell_len
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive

from lazytui.ansi import render_line
from lazytui.core.merged import MergedLines, Part, look, read_line
from lazytui.text import sanitize, size_text
from lazytui.tui.keymap import bindings
from lazytui.tui.widgets.cells import Piece, fit, place
from lazytui.tui.widgets.piece_view import PieceView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.strip import Strip

    from lazytui.core.model import RunRecord

_FRAME_S = 0.1  # what comes within it is ordered by run
_NAME_MOST = 24
_KEPT_STRIPS = 1000
# A host has the same one on every screen and at every start.
_COLOURS = ("moves", "people", "keys", "fine", "plain")


def host_colour(host: str) -> str:
    """Give the role in which a host's name is drawn, always the same one.

    Neighbours such as ``gpu01`` and ``gpu02`` have different ones.
    """
    family = host.rstrip("0123456789")
    number = int(host[len(family) :][-9:] or 0)
    return _COLOURS[(crc32(family.encode("utf-8", "replace")) + number) % len(_COLOURS)]


class MergedView(PieceView):
    """Shows the newest lines of all runs, and stays at the end as others come.

    Looks at the outputs only while it is to be seen. It stops to follow when the user scrolls
    up, and begins again at the end.
    """

    BINDINGS = bindings("list")

    follow: reactive[bool] = reactive(True, init=False, repaint=False)
    """True while the view stays at the end."""

    class FollowChanged(Message):
        """The view began to follow, or stopped."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._records: Sequence[RunRecord] = ()
        self._places: dict[str, int] = {}
        self._ends: dict[int, int] = {}
        self._over: set[int] = set()  # read to the end
        self._due: set[int] = set()
        self._wake = asyncio.Event()
        self._lines = MergedLines()
        self._strips: dict[int, Strip] = {}
        self._name_width = 0

    @property
    def line_count(self) -> int:
        """How many lines can be scrolled through now."""
        return len(self._lines)

    @property
    def skipped_text(self) -> str:
        """Say what is left out, if anything is."""
        skipped = self._lines.skipped_bytes
        return f"{size_text(skipped)} left out, see per host" if skipped else ""

    def show(self, records: Sequence[RunRecord]) -> None:
        """Show the outputs of these runs, in their state of now; always the same ones."""
        if len(records) != len(self._records):
            self._places = {record.run_id: place for place, record in enumerate(records)}
            names = (cell_len(sanitize(record.host)) for record in records)
            self._name_width = min(max(names, default=0), _NAME_MOST)
            self._due.update(self._places.values())
        else:
            pairs = enumerate(zip(self._records, records, strict=True))
            self._due.update(place for place, (old, new) in pairs if old.state is not new.state)
        self._records = records
        self._wake_up()

    def grew(self, run_ids: Iterable[str]) -> None:
        """Take notice that outputs have grown."""
        self._due.update(self._places[run_id] for run_id in run_ids if run_id in self._places)
        self._wake_up()

    def look_again(self) -> None:
        """Look at all outputs that are not over: some may have grown unnoticed."""
        self._due.update(self._places.values())
        self._wake_up()

    def _wake_up(self) -> None:
        if self.display and self._due:
            self._wake.set()

    # Following

    def on_mount(self) -> None:
        """Begin to look."""
        self.run_worker(self._watch(), name="merged output", group="merged", exit_on_error=False)

    def on_show(self) -> None:
        """Catch up with what came while another view was shown."""
        self._wake_up()

    async def _watch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due - self._over, set()
            if due:
                await self._look(due)
            await asyncio.sleep(_FRAME_S)

    async def _look(self, due: Iterable[int]) -> None:
        parts = [
            Part(place, Path(record.spool), self._ends.get(place, 0), record.state.is_final)
            for place in sorted(due)
            if (record := self._records[place]).spool
        ]
        found = await asyncio.to_thread(look, parts)
        over = {part.source for part in parts if part.is_over}
        for some in found:
            self._ends[some.source] = some.end
            if some.source in over:
                self._over.add(some.source)
        gone = self._lines.add(found)
        if gone:
            self._strips.clear()
        self._show_growth(gone)

    def _show_growth(self, gone: int) -> None:
        top = self.scroll_offset.y
        self.virtual_size = Size(0, len(self._lines))
        if self.follow:
            self._go_to_end()
        elif gone:
            self.scroll_to(y=max(0, top - gone), force=True)
        self.refresh()
        self.post_message(self.FollowChanged())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Stop following when scrolled up, begin when scrolled to the end."""
        super().watch_scroll_y(old_value, new_value)
        self.follow = round(new_value) >= self.max_scroll_y

    def watch_follow(self, follow: bool) -> None:
        """Go to the end, and tell the screen."""
        if follow:
            self._go_to_end()
        self.post_message(self.FollowChanged())

    def on_resize(self) -> None:
        """Draw anew for the other width; keep the end in sight."""
        self._strips.clear()
        if self.follow:
            self._go_to_end()

    def _go_to_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, force=True)

    # Keys

    def action_cursor_down(self) -> None:
        self._scroll(1)

    def action_cursor_up(self) -> None:
        self._scroll(-1)

    def action_top(self) -> None:
        self.scroll_to(y=0, force=True)

    def action_bottom(self) -> None:
        self.follow = True
        self._go_to_end()

    def action_half_down(self) -> None:
        self._scroll(self.size.height // 2)

    def action_half_up(self) -> None:
        self._scroll(-(self.size.height // 2))

    def action_page_down(self) -> None:
        self._scroll(self.size.height)

    def action_page_up(self) -> None:
        self._scroll(-self.size.height)

    def _scroll(self, rows: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + rows, force=True)

    # Drawing

    def notify_style_update(self) -> None:
        """Draw anew, in other colours."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """Draw one row of the view."""
        row = self.scroll_offset.y + y
        if row >= len(self._lines):
            pieces = [Piece(" No output so far.", "quiet")] if row == 0 else []
            return self.strip(pieces)
        strip = self._strips.get(row)
        if strip is None:
            if len(self._strips) >= _KEPT_STRIPS:
                self._strips.clear()
            strip = self._strips[row] = self.strip(self._line(row))
        return strip

    def _line(self, row: int) -> list[Piece]:
        source, start, length = self._lines.line(row)
        record = self._records[source]
        line = read_line(Path(record.spool), start, length)
        width = min(self._name_width, max(1, self.size.width // 3))
        name = Piece(sanitize(record.host), host_colour(record.host))
        room = self.size.width - width - 4
        return [
            Piece(" "),
            *place([name], width, right=True),
            Piece(" │ ", "faint"),
            Piece(fit(render_line(line.data), room)),
        ]
