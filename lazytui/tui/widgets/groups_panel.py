"""The groups, one a row with the number of their hosts; beside the table or in a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Static

from lazytui.tui.keymap import bindings
from lazytui.tui.widgets.cells import Piece, content_of, place, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult

    from lazytui.tui.group_rows import GroupRow, Sections

Deed = Literal["show", "run", "new", "cluster", "edit", "remove"]
Line = list[Piece]

INDENT = 2  # cells before a name: the cursor bar, a blank


class GroupList(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Groups and states under headings, one of them under the cursor.

    The cursor stays with its row when others come and go. What is to be done with a row is told,
    not done.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("groups",)
    BINDINGS = bindings("groups")

    class Asked(Message):
        """Something is to be done.

        Args:
            deed: what.
            row: the row under the cursor; None in an empty list.
        """

        def __init__(self, deed: Deed, row: GroupRow | None) -> None:
            super().__init__()
            self.deed: Deed = deed
            self.row = row

    class Left(Message):
        """The user goes back."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._text = Static()
        self._sections: Sections = []
        self._rows: list[GroupRow] = []
        self._lines: list[int | None] = []  # the row that a line belongs to
        self._at = 0
        self._chosen = ""
        self._drawn: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """One text holds all rows: there are a few dozen."""
        yield self._text

    @property
    def current(self) -> GroupRow | None:
        """The row under the cursor."""
        return self._rows[self._at] if self._rows else None

    def show(self, sections: Sections, chosen: str) -> None:
        """Show groups.

        Args:
            sections: rows under headings.
            chosen: the filter of the row that is shown alone now; empty for none.
        """
        current = self.current
        self._sections, self._chosen = sections, chosen
        self._rows = [row for _, rows in sections for row in rows]
        places = {row.filter: at for at, row in enumerate(self._rows)}
        nearest = max(0, min(self._at, len(self._rows) - 1))
        self._at = places.get(current.filter, nearest) if current else nearest
        self._draw()

    def begin_at(self, filter_text: str) -> None:
        """Put the cursor on the row with a filter, if there is one."""
        for at, row in enumerate(self._rows):
            if row.filter == filter_text:
                self._at = at
        self._draw()
        self.call_after_refresh(self._show_cursor)

    def on_resize(self) -> None:
        """Fill the new width."""
        self._draw()

    def on_focus(self) -> None:
        """Show the cursor."""
        self._draw()

    def on_blur(self) -> None:
        """Hide the cursor: the keys go elsewhere."""
        self._draw()

    # Drawing

    def _draw(self) -> None:
        cells = self.scrollable_content_region.width
        state = (self._sections, self._at, self._chosen, self.has_focus, cells)
        if state == self._drawn or cells < 1:
            return
        self._drawn = state
        lines: list[Line] = []
        self._lines = []
        if not any(row.group for row in self._rows):
            makes = [Piece(" n", "keys", bold=True), Piece(" makes one", "quiet")]
            lines += [[Piece(" No groups yet", "quiet")], makes, []]
            self._lines += [None] * 3
        at = 0
        for number, (title, rows) in enumerate(self._sections):
            heading = [*([[]] if number else []), [Piece(f" {title}", "quiet")]]
            lines += heading
            self._lines += [None] * len(heading)
            for row in rows:
                drawn = self._row(row, cells, here=at == self._at)
                lines += drawn
                self._lines += [at] * len(drawn)
                at += 1
        self._text.update(Content("\n").join(content_of(line) for line in lines))

    def _row(self, row: GroupRow, cells: int, *, here: bool) -> Sequence[Line]:
        here = here and self.has_focus
        shown_alone = row.filter == self._chosen
        name = [piece._replace(bold=here or shown_alone) for piece in row.title]
        count = Piece(f"{len(row.hosts)} ", "plain" if row.hosts else "quiet", bold=here)
        bar = Piece("▌" if here else "▸" if shown_alone else " ", "moves")
        first = spread([bar, Piece(" "), *name], [count], cells)
        if row.broken:
            note = [Piece("! ", "broken"), Piece(row.note, "broken")]
        else:
            note = [Piece(row.note, "quiet")] if row.note else []
        lines = [first]
        if note:
            bar = Piece("▌" if here else " ", "moves")
            lines.append(place([bar, Piece(" " * INDENT), *note], cells))
        if not here:
            return lines
        return [[p._replace(role=f"{p.role} on $selection") for p in line] for line in lines]

    # Keys and mouse

    def _move_to(self, at: int) -> None:
        if not self._rows:
            return
        self._at = max(0, min(at, len(self._rows) - 1))
        self._draw()
        self._show_cursor()

    def _show_cursor(self) -> None:
        """Scroll just as far as needed to have the cursor in sight."""
        lines = [y for y, row in enumerate(self._lines) if row == self._at]
        if not lines:  # nothing is drawn yet
            return
        # The heading above the first row comes into sight with it.
        top = 0 if self._at == 0 else lines[0]
        self.scroll_to_region(Region(0, top, 1, lines[-1] - top + 1), animate=False)

    def action_cursor_down(self) -> None:
        """One row down."""
        self._move_to(self._at + 1)

    def action_cursor_up(self) -> None:
        """One row up."""
        self._move_to(self._at - 1)

    def action_top(self) -> None:
        """The first row."""
        self._move_to(0)

    def action_bottom(self) -> None:
        """The last row."""
        self._move_to(len(self._rows) - 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only kept groups can be changed."""
        row = self.current
        match action:
            case "group_edit" | "group_remove":
                return row is not None and row.group is not None
            case "group_show":
                return row is not None
            case "group_run" | "new_cluster":
                return row is not None and bool(row.hosts)
            case _:
                return True

    def action_group_show(self) -> None:
        """Show only the hosts of the row."""
        self._ask("show")

    def action_group_run(self) -> None:
        """Run a command on the hosts of the row."""
        self._ask("run")

    def action_group_new(self) -> None:
        """Make a group."""
        self._ask("new")

    def action_new_cluster(self) -> None:
        """Make a cluster of the hosts of the row."""
        self._ask("cluster")

    def action_group_edit(self) -> None:
        """Change the name or the hosts of a group."""
        self._ask("edit")

    def action_group_remove(self) -> None:
        """Forget a group."""
        self._ask("remove")

    def _ask(self, deed: Deed) -> None:
        self.post_message(self.Asked(deed, self.current))

    def action_back(self) -> None:
        """Leave the list."""
        self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        """Show only the hosts of the row that was clicked."""
        offset = event.get_content_offset(self._text)
        row = self._lines[offset.y] if offset and 0 <= offset.y < len(self._lines) else None
        if row is not None:
            event.stop()
            self._move_to(row)
            self._ask("show")
