"""A file of the manager or of a host, to be read: whatever its bytes, whatever its size."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lazytui.core.files import PIECE
from lazytui.errors import TransferError
from lazytui.text import sanitize, size_text
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.text_screen import TextScreen
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.log_view import LogView
from lazytui.tui.widgets.log_words import count_pieces, found_pieces, line_pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes

MOST_BYTES = 64 << 20  # of a host's file; to read further it is copied


class FileViewScreen(TextScreen):
    """The text of a file, drawn as output is: nothing in it reaches the terminal as it is.

    A file of the manager is read where it is, only what is in sight. The beginning of a host's
    file comes in pieces into a folder of ours that goes with the screen.

    Args:
        context: of the app.
        host: whose file it is; None for the manager.
        path: from the root.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("view", "page", "text", "global")
    BINDINGS = bindings("view", "text", "page")

    def __init__(self, context: Context, host: str | None, path: str) -> None:
        super().__init__(context, LogView(id="log"))
        self._host = host
        self._path = path
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file: Path | None = None  # on the manager
        self._total = 0  # of the whole file
        self._here = 0  # bytes of it that are here
        self._is_reading = True
        self._problem = ""

    def compose(self) -> ComposeResult:
        """Lay out header, text, status and keys."""
        yield self.header
        yield self.log_view
        yield self._status
        yield self._find
        yield self.key_bar

    def on_mount(self) -> None:
        """Begin to read."""
        self.set_focus(self.log_view)
        work: Callable[[], object] = self._read
        self.run_worker(work, group="read", exit_on_error=False)

    def on_unmount(self) -> None:
        """Leave nothing behind."""
        if self._folder is not None:
            self._folder.cleanup()

    # --- showing -----------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Show what is known of the file."""
        where = "here" if self._host is None else self._host
        way = [
            Piece("Files › ", "quiet"),
            Piece(f"{sanitize(where)}:", "quiet"),
            Piece(sanitize(self._path, max_chars=500), bold=True),
        ]
        self.header.way(way, [Piece(size_text(self._total), "quiet")])
        self._show_status()
        self.show_keys()

    def show_changes(self, changes: Changes) -> None:
        """Nothing that the engine tells is about a file."""

    def _show_status(self) -> None:
        found = self.log_view.found
        said: list[Piece] = []
        if found is not None:
            said = found_pieces(found)
        elif self._problem:
            said = [Piece(sanitize(self._problem), "attention")]
        elif self._is_reading and self._here < self._total:
            said = [Piece(f"reading: {size_text(self._here)} so far", "moves")]
        elif self._here < self._total:
            amount = f"the first {size_text(self._here)} of {size_text(self._total)}"
            said = [Piece(amount, "attention"), Piece(": to read on, copy it (c)", "quiet")]
        self._status.show((said, line_pieces(self.log_view)))
        if found is not None and self.is_typing:
            self._find.show(count_pieces(found))

    # --- reading -----------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            await self._read_all()
        except TransferError as error:
            self._problem = str(error)
        except OSError as error:
            self._problem = f"it cannot be kept here: {error.strerror}"
        self._is_reading = False
        if self.is_mounted:
            self.rebuild()

    async def _read_all(self) -> None:
        first = await self.engine.files.read(self._host, self._path, 0, PIECE)
        self._total = first.size
        if self._host is None:
            self._here = first.size
            self._show(Path(self._path))
            return
        self._folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="lazytui-")
        name = Path(self._path).name.encode("utf-8", "surrogateescape")[:200]
        file = Path(self._folder.name) / name.decode("utf-8", "replace").replace("\ufffd", "?")
        piece = first.data
        while piece:
            await asyncio.to_thread(_append, file, piece)
            self._here += len(piece)
            if self._file is None:
                self._show(file)
            self.log_view.grew(self._here)
            self._show_status()
            if self._here >= min(self._total, MOST_BYTES):
                break
            read = await self.engine.files.read(self._host, self._path, self._here, PIECE)
            self._total, piece = read.size, read.data

    def _show(self, file: Path) -> None:
        self._file = file
        self.log_view.open(file)
        self.log_view.follow = False  # a file is read from its beginning
        self.rebuild()

    def action_editor(self) -> None:
        """Open what is here of the file in the user's pager."""
        from lazytui.tui.editing import read_in_pager

        if self._file is not None:
            read_in_pager(self.app, self._file)


def _append(file: Path, piece: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(piece)
