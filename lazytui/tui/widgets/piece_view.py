"""What draws rows of pieces, line by line, on a ground that scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lazytui.tui.theme import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lazytui.tui.widgets.cells import Piece


class PieceView(ScrollView, can_focus=True, inherit_bindings=False):
    """Turns pieces into strips, in the roles of the theme. Children say what each line shows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "piece-view--cursor",
        *(f"piece-view--{role}" for role in ROLES),
    }
    ALLOW_SELECT = False  # the cells are drawn by hand

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        self._styles: dict[tuple[str, bool, bool], Style] = {}
        super().__init__(id=id)

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        """Scroll at once: an animated page would be a dozen frames through a slow connection."""
        super().scroll_to(x, y, **{**options, "animate": False})

    def strip(self, pieces: Iterable[Piece], *, is_cursor: bool = False) -> Strip:
        """Draw a row of pieces over the whole width."""
        segments = [
            Segment(text, self.role_style(role, is_cursor=is_cursor, bold=bold))
            for text, role, bold in pieces
        ]
        rest = self.role_style("plain", is_cursor=is_cursor)
        return Strip(segments).adjust_cell_length(self.size.width, rest)

    def role_style(self, role: str, *, is_cursor: bool = False, bold: bool = False) -> Style:
        """Give the style of a role; adding styles up costs more than all the rest."""
        known = self._styles.get((role, is_cursor, bold))
        if known is None:
            ground = self._component("cursor", partial=False) if is_cursor else self.rich_style
            known = ground + self._component(role, partial=True) + Style(bold=bold)
            self._styles[role, is_cursor, bold] = known
        return known

    def _component(self, name: str, *, partial: bool) -> Style:
        return self.get_component_rich_style(f"piece-view--{name}", partial=partial)

    def notify_style_update(self) -> None:
        """Forget the styles when the sheets or the theme changed."""
        self._styles.clear()
        super().notify_style_update()
