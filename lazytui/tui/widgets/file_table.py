"""One side of Files: what is in a folder, here or on a host."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lazytui.core.files import File
from lazytui.text import sanitize, size_text
from lazytui.tui.widgets.cells import Piece, place
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lazytui.core.files import Folder
    from lazytui.tui.context import Clock

UP = File("..", "d", 0, 0)
NAME_CHARS = 300
# What files are sorted by: the words, and what of a file.
SORTS: dict[str, tuple[str, Callable[[File], Any]]] = {
    "n": ("name", lambda file: file.name),
    "s": ("size", lambda file: -file.size),
    "c": ("change, the newest first", lambda file: -file.changed),
    "k": ("kind: the end of the name", lambda file: (_ending(file.name), file.name)),
}
SORTED_COLUMNS = {"n": "name", "s": "size", "c": "changed"}
COLUMNS = (
    Column("name", "name", 12, grow_to=400),
    Column("size", "size", 5, right=True),
    Column("changed", "changed", 12, drop=1, right=True),
)


class FileTable(LineTable):
    """Folders first, then files; the way up is the first row.

    Args:
        clock: says what year it is.
    """

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._clock = clock
        self._files: dict[str, File] = {}
        self.folder: Folder | None = None
        self.shows_hidden = False
        self.sort = "n"
        self.reverse = False

    def show(self, folder: Folder | None, *, at: str | None = None) -> None:
        """Show a folder.

        Args:
            folder: as it was found; None for none yet.
            at: the name that the cursor is put on, where it is there.
        """
        if folder is None or self.folder is None or folder.path != self.folder.path:
            self.clear_marks()
            self.set_keys(())
        self.folder = folder
        files = folder.files if folder is not None else ()
        seen = [file for file in files if self.shows_hidden or not file.name.startswith(".")]
        seen.sort(key=SORTS[self.sort][1], reverse=self.reverse)
        seen.sort(key=lambda file: not file.is_folder)
        self._layout_width = -1  # the arrow may be elsewhere
        if folder is not None and folder.path != "/":
            seen.insert(0, UP)
        self._files = {file.name: file for file in seen}
        self.set_keys(self._files)
        if at is not None and at in self._files:
            self.move_cursor(list(self._files).index(at))
        self.refresh()

    def markable(self) -> Iterable[str]:
        """Everything but the way up."""
        return (name for name in self._files if name != UP.name)

    @property
    def file(self) -> File | None:
        """What the cursor is on."""
        return self._files.get(self.current or "")

    @property
    def chosen(self) -> list[File]:
        """What is marked, or what the cursor is on; never the way up."""
        names = self.marked or ([self.current] if self.current else [])
        return [self._files[name] for name in names if name in self._files and name != UP.name]

    @property
    def count(self) -> int:
        """How many entries are shown."""
        return len(self._files) - (UP.name in self._files)

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give the name all the room that is left."""
        sorted_by = SORTED_COLUMNS.get(self.sort)
        arrow = "▼" if self.reverse != (self.sort in ("s", "c")) else "▲"
        shown = tuple(replace(c, arrow=arrow) if c.id == sorted_by else c for c in COLUMNS)
        return fit_columns(shown, cells, GAP)

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of a file's row."""
        file = self._files[key]
        cells = {
            "name": name_piece(file),
            "size": Piece("" if file.is_folder else size_text(file.size), "quiet"),
            "changed": Piece(self._when(file), "quiet"),
        }
        return joined(place([cells[c.id]], c.width, right=c.right) for c in columns)

    def _when(self, file: File) -> str:
        if file is UP:
            return ""
        there = time.localtime(min(file.changed, 1 << 40))
        same_year = there.tm_year == time.localtime(self._clock.epoch()).tm_year
        return time.strftime("%b %d %H:%M" if same_year else "%b %d  %Y", there)


def name_piece(file: File) -> Piece:
    """Give a name: a slash follows a folder's, an at sign a link's."""
    name = sanitize(file.name, max_chars=NAME_CHARS)
    match file.kind:
        case "d":
            return Piece(f"{name}/", "plain", bold=file is not UP)
        case "D":
            return Piece(f"{name}/@")
        case "l":
            return Piece(f"{name}@", "quiet")
        case "x":
            return Piece(name, "faint")
    return Piece(name)


def _ending(name: str) -> str:
    return name.lstrip(".").rpartition(".")[2] if "." in name.lstrip(".") else ""
