"""What is said below a log: what was found, and whether the text follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.text import percent, sanitize
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.log_draw import Times

if TYPE_CHECKING:
    from lazytui.tui.widgets.log_view import Found, LogView

_QUERY_CHARS = 60
_SHORT = 60  # cells of a view below which little is said


def found_pieces(found: Found) -> list[Piece]:
    """Say what is looked for and what was found: ``/loss  2 of 3 matches``."""
    sign = "&" if found.only else "/"
    query = sanitize(found.query.text.removeprefix("/"), max_chars=_QUERY_CHARS)
    pieces = [Piece(f"{sign}{query}", "keys", bold=True), Piece("  ")]
    return [*pieces, *count_pieces(found)]


def count_pieces(found: Found) -> list[Piece]:
    """Say how many lines match, and how far the search is."""
    if found.share < 1.0:
        return [Piece(f"{found.count:,} matches · {percent(found.share)} searched", "moves")]
    if not found.count:
        return [Piece("no match", "attention")]
    word = "match" if found.count == 1 else "matches"
    of = "" if found.rank is None else f"{found.rank + 1:,} of "
    return [Piece(f"{of}{found.count:,} {word}")]


def line_pieces(view: LogView) -> list[Piece]:
    """Say where the view is in a text that is over."""
    bottom = min(view.scroll_offset.y + view.size.height, view.line_count)
    return [Piece(f"line {bottom:,} of {view.line_count:,}", "quiet")]


def place_pieces(view: LogView, *, is_final: bool) -> list[Piece]:
    """Say how the text is shown, and whether it follows or what came since it does not."""
    ways = []
    if view.place_name:
        ways.append(view.place_name)
    if view.wrap:
        ways.append("wrapped")
    if view.raw:
        ways.append("raw progress")
    if view.times is not Times.OFF:
        ways.append(view.times.value)
    short = view.size.width < _SHORT
    said = [] if short else [Piece(f"{way} · ", "quiet") for way in ways]
    if view.follow and is_final:
        return [*said, Piece(f"{view.line_count:,} lines" if view.line_count else "", "quiet")]
    if view.follow:
        return [*said, Piece("following", "moves")]
    new = view.new_below
    if is_final and not new:
        return [*said, *line_pieces(view)]
    if short:
        news = f" {new:,} new" if new else ""
        return [Piece("▲", "attention"), Piece(f"{news} "), Piece("G", "keys", bold=True)]
    news = f" · {new:,} new line{'' if new == 1 else 's'} below" if new else ""
    return [
        *said,
        Piece("▲ paused", "attention"),
        Piece(news),
        Piece(" · ", "faint"),
        Piece("G", "keys", bold=True),
        Piece(" to follow", "quiet"),
    ]
