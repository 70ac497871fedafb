"""Rows of text to scroll through, as they are or wrapped, with what keeps the end in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lazytui.tui.widgets.log_draw import NAMED, LogDrawing, Times
from lazytui.tui.widgets.log_line import Palette
from lazytui.tui.widgets.log_wrap import Place, moved

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

    from lazytui.tui.widgets.log_draw import Row
    from lazytui.tui.widgets.log_rows import Rows


class LogPane(ScrollView, can_focus=True):
    """Shows rows, only those in sight are ever read. It binds no keys but those of scrolling.

    Whoever fills it sets ``_rows`` and calls :meth:`_show_size` when there are more.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(
            f"log-view--{part}"
            for part in ("remark", "rule", "match", "here", "mark", "heading", "cursor", *NAMED)
        )
    }
    DEFAULT_CSS = """
    LogPane {
        scrollbar-size-horizontal: 0;
        & > .log-view--remark { color: $text-muted; }
        & > .log-view--rule { color: $text-disabled; }
        & > .log-view--match { color: $accent; background: $panel; }
        & > .log-view--here { color: $background; background: $accent; }
        & > .log-view--mark { color: $accent; }
        & > .log-view--heading { background: $surface; }
        & > .log-view--cursor { background: $panel; }
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

    wrap: reactive[bool] = reactive(False, init=False, repaint=False)
    """Lines that are wider than the view go on below."""

    times: reactive[Times] = reactive(Times.OFF, init=False, repaint=False)
    """What stands before each line."""

    class Changed(Message):
        """What can be said of the view is different: following, growth, matches."""

        def __init__(self, log_view: LogPane) -> None:
            super().__init__()
            self.log_view = log_view

        @property
        def control(self) -> LogPane:
            """The view it happened in."""
            return self.log_view

        def can_replace(self, message: Message) -> bool:
            """Many of them say no more than one."""
            return isinstance(message, LogPane.Changed)

    class FollowChanged(Changed):
        """The view began to follow, or stopped."""

        def __init__(self, log_view: LogPane, follow: bool) -> None:
            super().__init__(log_view)
            self.follow = follow

        def can_replace(self, message: Message) -> bool:
            """Each is told."""
            return False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: Rows | None = None
        self._remark = ""  # shown when there are none
        self._drawing = LogDrawing(self._palette)
        self._widest = 0
        self._part = 0  # of the wrapped line at the top, the first part in sight
        self._bottom = Place(0, 0)  # what is at the top when the view is at the end
        self._going: Place | None = None  # where it is scrolled to just now

    @property
    def line_count(self) -> int:
        """How many rows can be scrolled through now."""
        return self._rows.count if self._rows else 0

    def action_toggle_follow(self) -> None:
        """Stay at the end as lines come, or stop that."""
        self.follow = not self.follow

    # --- moving ------------------------------------------------------------------------------

    def action_scroll_end(self) -> None:
        """Go to the end and stay there."""
        self.follow = True
        self._go_to_end()

    def action_scroll_home(self) -> None:
        """Go to the first line."""
        self._go(Place(0, 0))

    def action_scroll_down(self) -> None:
        """Go one row down."""
        self._move(1)

    def action_scroll_up(self) -> None:
        """Go one row up."""
        self._move(-1)

    def action_page_down(self) -> None:
        """Go one page down."""
        self._move(self.size.height)

    def action_page_up(self) -> None:
        """Go one page up."""
        self._move(-self.size.height)

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        """Scroll at once: an animated page would be a dozen frames through a slow connection."""
        super().scroll_to(x, y, **{**options, "animate": False})

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Stop following when scrolled up, begin when scrolled to the end."""
        super().watch_scroll_y(old_value, new_value)
        if self._going is not None:
            self._part = self._going.part
        elif round(new_value) != round(old_value):
            self._part = self._bottom.part if round(new_value) >= self._bottom.row else 0
        self._judge_follow()

    def watch_follow(self, follow: bool) -> None:
        """Go to the end, and tell the screen."""
        if follow:
            self._go_to_end()
        self.post_message(self.FollowChanged(self, follow))

    def watch_wrap(self) -> None:
        """Break the lines, or not any more, with the same one at the top."""
        self._part = 0
        self.scroll_to(x=0)
        self._show_size()
        if self.follow:
            self._go_to_end()
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Keep the end in sight."""
        self._show_size()
        if self.follow:
            self._go_to_end()

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """Tell a scrollbar that comes where the view is: it heard nothing while it was hidden."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def _judge_follow(self) -> None:
        row = round(self.scroll_y)
        if self.wrap:
            self.follow = Place(row, self._part) >= self._bottom
        else:
            self.follow = row >= self.max_scroll_y

    def _move(self, by: int) -> None:
        if not self.wrap:
            self.scroll_to(y=self.scroll_target_y + by)
            return
        top = Place(self.scroll_offset.y, self._part)
        self._go(min(moved(top, by, self._parts_of), self._bottom))

    def _go(self, place: Place) -> None:
        """Bring a part of a line to the top."""
        self._going = place
        self.scroll_to(y=place.row, force=True)
        self._going = None
        if self.wrap:
            self._part = place.part
            self._judge_follow()
            self.refresh()

    def _go_to_end(self) -> None:
        self._go(self._bottom if self.wrap else Place(self.max_scroll_y, 0))

    def _show_size(self) -> None:
        """Let all rows there are be scrolled through."""
        if not self.wrap:
            self.virtual_size = Size(self._widest + self._drawing.margin, self.line_count)
            return
        last = max(0, self.line_count - 1)
        end = Place(last, self._parts_of(last) - 1)
        self._bottom = moved(end, 1 - self.size.height, self._parts_of)
        self.virtual_size = Size(0, self._bottom.row + self.size.height)

    # --- drawing -----------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """Draw anew, in other colours."""
        super().notify_style_update()
        self._drawing.recolour()

    def render_line(self, y: int) -> Strip:
        """Draw one row of the view."""
        width, style = self._cells, self._drawing
        style.cells = width
        base = style.palette.base
        place = self._place_at(y)
        row = self._row(place.row)
        if row is None:
            empty = not self.line_count and y == 0
            strip = style.remark(self._remark) if empty else Strip([])
            return strip.crop_extend(0, width, base)
        if row.start is None:
            return row.strip.crop_extend(0, width, base)
        time = style.time(row.start if place.part == 0 else None)
        cells = width - style.margin
        if self.wrap:
            parts = self._parts(place.row)
            text = parts[place.part] if place.part < len(parts) else Strip([])
            return Strip.join([time, text]).crop_extend(0, width, base)
        left = self.scroll_offset.x
        return Strip.join([time, row.strip.crop_extend(left, left + cells, base)])

    @property
    def _cells(self) -> int:
        """The width of the text: what the scrollbar leaves of it."""
        return self.scrollable_content_region.width

    def _place_at(self, y: int) -> Place:
        top = self.scroll_offset.y
        if not self.wrap:
            return Place(top + y, 0)
        return moved(Place(top, self._part), y, self._parts_of)

    def _row(self, number: int) -> Row | None:
        if self._rows is None or number >= self._rows.count:
            return None
        last = max(self.scroll_offset.y + self.size.height, number + 1)
        row = self._drawing.row(self._rows, number, last)
        if row is not None and row.start is not None and row.strip.cell_length > self._widest:
            self._widest = row.strip.cell_length
            if not self.wrap:
                self.call_later(self._show_size)  # not in the middle of a frame
        return row

    def _parts(self, number: int) -> list[Strip]:
        row = self._row(number)
        if row is None:
            return []
        style = self._drawing
        return style.parts(number, row, self._cells - style.margin)

    def _parts_of(self, number: int) -> int:
        return max(1, len(self._parts(number)))

    def _redraw(self) -> None:
        self._drawing.forget()
        self.refresh()

    def _palette(self) -> Palette:
        def part(name: str) -> Style:
            return self.get_component_rich_style(f"log-view--{name}")

        return Palette(
            base=self.rich_style,
            named=tuple(
                self.get_component_styles(f"log-view--{name}").color.rich_color for name in NAMED
            ),
            remark=part("remark"),
            rule=part("rule"),
            match=part("match"),
            here=part("here"),
            mark=part("mark"),
            heading=part("heading"),
            cursor=part("cursor"),
        )
