"""Transfers in rows: what goes where, how far it is, how long it will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.text import duration_text, percent, sanitize, size_text
from lazytui.tui.widgets.cells import Piece, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.transfer.progress import Progress

ROWS = 4  # transfers seen at once
BAR = 16
WIDE = 100  # columns from which on there is a bar


def transfer_rows(
    transfers: Sequence[Progress], columns: int
) -> list[tuple[Sequence[Piece], Sequence[Piece]]]:
    """Give the rows of the transfers that go on, the oldest first; the last counts the rest.

    Args:
        transfers: those that are not over.
        columns: of the terminal.
    """
    shown = transfers if len(transfers) <= ROWS else transfers[: ROWS - 1]
    rows = [_row(one, columns) for one in shown]
    if more := len(transfers) - len(shown):
        rows.append(([Piece(f"and {more} more", "quiet")], []))
    return rows


def _row(one: Progress, columns: int) -> tuple[Sequence[Piece], Sequence[Piece]]:
    host = sanitize(one.host)
    name = sanitize(one.source.rstrip("/").rpartition("/")[2] or one.source)
    way = f"{name} → {host}" if one.sends else f"{name} ← {host}"
    left = [Piece(fit(way, max(10, columns // 2 - 8)), bold=True)]
    if one.phase != "moving" or one.share is None:
        return left, [Piece(one.phase, "quiet")]
    right = [Piece(percent(one.share).rjust(4), "moves")]
    if columns >= WIDE:
        full = round(one.share * BAR)
        right += [Piece("  "), Piece("▓" * full, "moves"), Piece("░" * (BAR - full), "faint")]
    amount = f"{size_text(one.done)}/{size_text(one.total)}"
    rate = f"{size_text(one.rate)}/s"
    time_left = duration_text(one.seconds_left)
    return left, [*right, Piece(f"{amount:>12}{rate:>8}{time_left:>9}", "quiet")]


def transfers_fact(transfers: Sequence[Progress]) -> list[Piece]:
    """Say in the header how all transfers together go; nothing when there are none."""
    if not transfers:
        return []
    count = "1 transfer" if len(transfers) == 1 else f"{len(transfers)} transfers"
    done, total = (sum(one.done for one in transfers), sum(one.total for one in transfers))
    pieces = [Piece(count, "moves")]
    if total:
        rate = size_text(sum(one.rate for one in transfers))
        pieces.append(Piece(f"{percent(done / total).strip()}  {rate}/s", "quiet"))
    return pieces
