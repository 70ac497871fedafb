"""Which columns fit, and how wide: narrow terminals lose columns in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Args:
        id: its name in the code.
        title: its heading.
        width: cells it needs at least.
        drop: columns with the highest number go first when there is no room, together where they
            have the same; 0 never goes.
        grow_to: cells it may grow to when there is room.
        right: its content stands at the right edge (numbers).
        arrow: beside the title, for the column that the rows are sorted by.
    """

    id: str
    title: str
    width: int
    drop: int = 0
    grow_to: int = 0
    right: bool = False
    arrow: str = ""


def fit_columns(columns: tuple[Column, ...], cells: int, gap: int) -> tuple[Column, ...]:
    """Choose the columns that fit into ``cells`` and share out the room that is left.

    Args:
        columns: all columns, in order.
        cells: the room for them.
        gap: cells between two columns.

    Returns:
        The chosen columns with their final widths. Only the columns that never go can be
        wider than ``cells``; then the last of them is cut.
    """
    chosen = list(columns)
    while _width(chosen, gap) > cells:
        droppable = [column for column in chosen if column.drop]
        if not droppable:
            break
        first = max(column.drop for column in droppable)
        chosen = [column for column in chosen if column.drop != first]
    spare = cells - _width(chosen, gap)
    for index, column in enumerate(chosen):
        more = max(0, min(spare, column.grow_to - column.width))
        chosen[index] = replace(column, width=column.width + more)
        spare -= more
    return tuple(_shrink(chosen, -spare, gap))


def _width(columns: list[Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _shrink(columns: list[Column], missing: int, gap: int) -> list[Column]:
    """Take ``missing`` cells from the right; a column without any left goes with its gap."""
    while missing > 0 and columns:
        last = columns.pop()
        if last.width > missing:
            columns.append(replace(last, width=last.width - missing))
            break
        missing -= last.width + gap
    return columns
