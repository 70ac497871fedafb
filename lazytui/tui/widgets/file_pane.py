"""One side of Files: a title that says whose folder it is, over a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical

from lazytui.text import sanitize
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece, fit
from lazytui.tui.widgets.file_table import FileTable

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.worker import Worker

    from lazytui.tui.context import Context


class FilePane(Vertical):
    """One side: a title over a table.

    Args:
        context: of the screen.
        host: whose files it shows; None for the manager.
    """

    def __init__(self, context: Context, host: str | None, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, classes="panel")
        self.host = host
        self.path = "~"
        self.home = ""  # the user's, once it was looked into
        self.is_here = host is None
        self.reads: Worker[None] | None = None  # the folder that was asked for last
        self.changes: Worker[None] | None = None  # what is done to its files
        self.is_stale = False  # what is shown is not what is there any more
        self.title = Bar(classes="title")
        self.table = FileTable(context.clock, id=f"{id}-table")

    def compose(self) -> ComposeResult:
        """Lay out title and table."""
        yield self.title
        yield self.table

    def show_title(self) -> None:
        """Say whose folder it is, and how much is in it."""
        name = "here" if self.is_here else sanitize(self.host or "no host")
        role = "moves" if self.table.has_focus else "quiet"
        folder = self.table.folder
        path = sanitize(folder.path if folder is not None else self.path)
        room = max(8, self.size.width - len(name) - 16)
        if len(path) > room:
            path = "…" + path[-room + 1 :]
        count = f"{self.table.count} items" if self.table.count != 1 else "1 item"
        more = f" +{folder.more}" if folder is not None and folder.more else ""
        left = [Piece(name, role, bold=True), Piece(f"  {fit(path, room)}")]
        self.title.show((left, [Piece(count + more if folder else "", "quiet")]))

    @property
    def awaited(self) -> object | None:
        """Give the work after which something else is shown; None when there is none."""
        if self.changes is not None and not self.changes.is_finished:
            return self.changes
        if self.reads is None or self.reads.is_finished:
            return None
        folder = self.table.folder
        differs = folder is None or folder.path != self.path
        return self.reads if differs or self.is_stale else None

    @property
    def whose(self) -> str:
        """Whose files they are, in a word."""
        return "here" if self.is_here else self.host or "no host"

    @property
    def where(self) -> str:
        """The same in a sentence: ``here``, ``on gpu01``."""
        return "here" if self.is_here else f"on {sanitize(self.host or 'no host')}"

    @property
    def current_path(self) -> str | None:
        """The path of the file under the cursor; None for a folder."""
        file = self.table.file
        return self.path_of(file.name) if file is not None and file.kind in ("f", "l") else None

    def path_of(self, name: str) -> str:
        """A path from the root, or from the home, for one that may begin in this folder."""
        folder = self.table.folder
        if folder is None or name.startswith(("/", "~/")) or name == "~":
            return name
        return f"{folder.path.rstrip('/')}/{name}"

    def place_for_all(self) -> str:
        """The folder as other hosts have it: what is below the home here is below theirs."""
        folder = f"{self.table.folder.path.rstrip('/')}/" if self.table.folder is not None else ""
        home = f"{self.home.rstrip('/')}/"
        return f"~/{folder[len(home) :]}" if self.home and folder.startswith(home) else folder
