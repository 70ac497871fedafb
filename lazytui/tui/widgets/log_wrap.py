"""Breaking drawn lines into rows of a width, and moving through what was broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.strip import Strip


class Place(NamedTuple):
    """A row on the screen: which line, and which part of it."""

    row: int
    part: int


def broken(strip: Strip, cells: int) -> list[Strip]:
    """Break a drawn line into parts of at most ``cells`` cells, between characters."""
    cells = max(cells, 2)
    if strip.cell_length <= cells:
        return [strip]
    return list(strip.divide([*_cuts(strip.text, cells), strip.cell_length]))


def _cuts(text: str, cells: int) -> list[int]:
    if text.isascii():
        return list(range(cells, len(text), cells))
    cuts, column, begin = [], 0, 0
    for character in text:
        width = cell_len(character)
        if column + width - begin > cells:
            cuts.append(column)
            begin = column
        column += width
    return cuts


def moved(place: Place, by: int, parts_of: Callable[[int], int]) -> Place:
    """The place ``by`` rows further down, or up; not before the first.

    Args:
        place: where to begin.
        by: rows; negative is up.
        parts_of: gives how many parts a line has.
    """
    row, part = place
    part += by
    while part < 0 and row > 0:
        row -= 1
        part += parts_of(row)
    while part >= (parts := max(1, parts_of(row))):
        part -= parts
        row += 1
    return Place(row, max(0, part))
