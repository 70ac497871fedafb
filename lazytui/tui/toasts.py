"""Passing words: at the top right, out of the way of the cursor and of the rows at the bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.css.query import NoMatches
from textual.widgets._toast import Toast, ToastRack

from lazytui.tui.widgets.line_table import LineTable

if TYPE_CHECKING:
    from textual.screen import Screen

# They begin below the header.
FIRST_ROW = 1
EXPECTED_ROWS = 5  # of words that are not laid out yet, as the style sheet limits them


def keep_clear(screen: Screen[object]) -> None:
    """Put the passing words of a screen at the bottom while they would lie on the cursor's row."""
    try:
        rack = screen.get_child_by_type(ToastRack)
    except NoMatches:  # the screen is just coming, or going
        return
    # The rack itself is never drawn and so has no region; its toasts do.
    seen = [toast.region for toast in rack.query(Toast) if toast.region.area]
    row = _cursor_row(screen)
    if row is not None:
        height = EXPECTED_ROWS
        if seen:
            height = max(region.bottom for region in seen) - min(region.y for region in seen)
        rack.set_class(row < FIRST_ROW + height, "-low")


def _cursor_row(screen: Screen[object]) -> int | None:
    """Give the row of the terminal on which the cursor of the focused table stands."""
    table = screen.focused
    if not isinstance(table, LineTable):
        return None
    return int(table.region.y + 1 + table.cursor - table.scroll_offset.y)
