"""Tables and logs of scripts: tidy on a terminal, plain text in a pipe."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

GAP = "  "
_STYLES = {"active": "green", "succeeded": "green", "inactive": "red", "failed": "red"}
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Args:
        head: its title.
        is_number: it is aligned to the right.
    """

    head: str
    is_number: bool = False


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print aligned columns to stdout: with a quiet head on a terminal, plain in a pipe.

    Args:
        columns: their heads.
        rows: one cell for each column; what comes from hosts is made harmless here.
    """
    cells = [[sanitize(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_tidy(columns, cells)
        return
    widths = [
        max(len(column.head), *(len(row[at]) for row in cells), 0)
        for at, column in enumerate(columns)
    ]
    for row in [[column.head for column in columns], *cells]:
        padded = [
            cell.rjust(width) if column.is_number else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        say(GAP.join(padded).rstrip())


def print_log(title: str, entries: Iterable[str]) -> None:
    """Print what a task printed, each step after the other, below a title.

    Args:
        title: the task, its host and how it went.
        entries: one for each step; those without output are left out.
    """
    is_terminal = sys.stdout.isatty()
    if is_terminal:
        _console().print(sanitize(title), style="bold", markup=False, highlight=False)
    else:
        say(f"{sanitize(title)}")
    for entry in entries:
        for line in entry.splitlines():
            say(f"  {sanitize(line) if is_terminal else line}".rstrip())


def print_lines(host: str, lines: Iterable[bytes]) -> None:
    """Print lines of output as they arrive, with their host in front."""
    prefix = f"{sanitize(host)} | "
    is_terminal = sys.stdout.isatty()
    for line in lines:
        text = line.decode("utf-8", "replace")
        say(prefix + (sanitize(text) if is_terminal else text.rstrip("\r")))
    sys.stdout.flush()  # in a pipe, too, somebody wants to see it as it arrives


def say(line: str) -> None:
    """Print one line to stdout; a stdout of another encoding replaces what it cannot say."""
    try:
        print(line)  # noqa: T201 - that is what the print methods are for
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        print(line.encode(encoding, "replace").decode(encoding))  # noqa: T201


def size_in_mb(size_bytes: int) -> str:
    """Give a size as people write it in tables: ``64,215 MB``."""
    return f"{size_bytes // _MB:,} MB"


def _print_tidy(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(
            column.head, justify="right" if column.is_number else "left", overflow="fold"
        )
    for row in cells:
        table.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    _console().print(table)


def _style(cell: str) -> str:
    """Colour what says how something is, and nothing else."""
    word = cell.strip("()").partition(":")[0]
    return _STYLES.get(word, "")


def _console() -> Console:
    from rich.console import Console

    return Console()
