"""Pieces of text with a role, and how they fill cells: the small change of every row.

Everything here is plain data; a role is a name of :data:`lazytui.tui.theme.ROLES`. Text that
came from outside must have been through the sanitizer before it becomes a piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from lazytui.text import percent
from lazytui.tui.theme import load_role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BARS = "▁▂▃▄▅▆▇█"
ELLIPSIS = "…"


class Piece(NamedTuple):
    """A run of text in one role; ``bold`` for the names of things."""

    text: str
    role: str = "plain"
    bold: bool = False


Row = list[Piece]


def width_of(pieces: Iterable[Piece]) -> int:
    """Give the width of pieces in cells."""
    return sum(cell_len(piece.text) for piece in pieces)


def fit(text: str, cells: int) -> str:
    """Cut ``text`` to at most ``cells`` cells; an ellipsis says that it was cut.

    Widths are those of Textual, which lays out what we draw, not those of ``lazytui.text``.
    """
    if cell_len(text) <= cells:
        return text
    if cells <= 0:
        return ""
    # set_cell_size pads where a wide character would be split in two.
    return set_cell_size(text, cells - 1).rstrip(" ") + ELLIPSIS


def place(pieces: Sequence[Piece], cells: int, *, right: bool = False) -> list[Piece]:
    """Fill exactly ``cells`` cells with pieces: cut what is too much, pad what is missing."""
    placed: list[Piece] = []
    left = cells
    for piece in pieces:
        if left <= 0:
            break
        cut = piece._replace(text=fit(piece.text, left))
        placed.append(cut)
        left -= cell_len(cut.text)
        if cut.text != piece.text:
            break
    if left > 0:
        placed.insert(0 if right else len(placed), Piece(" " * left))
    return placed


def share_piece(share: float) -> Piece:
    """Give a load or a filling (0 to 1) as a percentage in the colour of its limit."""
    return Piece(percent(share), load_role(share))


def spark(history: Sequence[float], cells: int) -> str:
    """Draw the newest ``cells`` shares (0 to 1), the newest last, as bars."""
    newest = history[-cells:]
    top = len(BARS) - 1
    bars = "".join(BARS[round(max(0.0, min(share, 1.0)) * top)] for share in newest)
    return bars.rjust(cells)


def content_of(pieces: Iterable[Piece]) -> Content:
    """Make Textual content of pieces; the text is never read as markup."""
    return Content.assemble(
        *((piece.text, f"${piece.role}{' bold' if piece.bold else ''}") for piece in pieces)
    )


def spread(left: Sequence[Piece], right: Sequence[Piece], cells: int) -> list[Piece]:
    """Put pieces at both ends of ``cells`` cells; the left one gives way when both do not fit."""
    right_width = min(width_of(right), cells)
    room = cells - right_width - (2 if right_width else 0)
    if room < 1:
        return place(right, cells, right=True) if right_width else place(left, cells)
    return [
        *place(left, room),
        *([Piece("  ")] if right_width else []),
        *place(right, right_width),
    ]
