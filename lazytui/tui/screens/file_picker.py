"""Picks a file or a folder of the manager from a tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widgets import DirectoryTree

from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece

if TYPE_CHECKING:
    from rich.style import Style
    from rich.text import Text
    from textual.app import ComposeResult
    from textual.widgets._directory_tree import DirEntry
    from textual.widgets._tree import TreeNode


class Files(DirectoryTree, inherit_bindings=False):
    """The tree; names are drawn as they are, without what a terminal obeys."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "

    def render_label(self, node: TreeNode[DirEntry], base_style: Style, style: Style) -> Text:
        """Draw one row."""
        label = super().render_label(node, base_style, style)
        label.plain = sanitize(label.plain)
        return label


class FilePicker(Sheet[Path]):
    """Gives the path under the cursor, or None after ``esc``.

    Args:
        start: the folder that is shown at first, or a file in it.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("files-tree",)
    BINDINGS = bindings("files-tree")

    def __init__(self, start: Path) -> None:
        super().__init__()
        self._tree = Files(_folder_of(start), id="tree")
        self._title = Bar(id="title")

    def compose(self) -> ComposeResult:
        """Lay the card out: where one is, the tree, the keys."""
        with Vertical(classes="card -files"):
            yield self._title
            yield self._tree
            yield KeyBar()

    def on_mount(self) -> None:
        """Begin in the tree."""
        self._tree.guide_depth = 2
        self.set_focus(self._tree)
        self._show_title()
        self.show_keys()

    def _show_title(self) -> None:
        name = Path(self._tree.path).absolute().name or "/"
        where = [Piece("Choose a file or a folder", bold=True)]
        self._title.show((where, [Piece(sanitize(f"in {name}", max_chars=30), "quiet")]))

    def action_choose(self) -> None:
        """Take what is under the cursor."""
        node = self._tree.cursor_node
        if node is not None and node.data is not None:
            self.leave(node.data.path)

    def action_cursor_down(self) -> None:
        """Down."""
        self._tree.action_cursor_down()

    def action_cursor_up(self) -> None:
        """Up."""
        self._tree.action_cursor_up()

    def action_fold_open(self) -> None:
        """Show what is in a folder."""
        node = self._tree.cursor_node
        if node is not None and node.allow_expand:
            node.expand()

    def action_fold_close(self) -> None:
        """Put a folder's content away, or go to the folder that a file is in."""
        node = self._tree.cursor_node
        if node is None:
            return
        if node.is_expanded and node.allow_expand:
            node.collapse()
        elif node.parent is not None:
            self._tree.move_cursor(node.parent)

    def action_parent(self) -> None:
        """Begin one folder further up."""
        self._tree.path = Path(self._tree.path).resolve().parent
        self._show_title()

    def action_back(self) -> None:
        """Leave without a file."""
        self.leave(None)


def _folder_of(start: Path) -> Path:
    """Give the nearest folder that is there."""
    for folder in (start, *start.parents):
        if folder.is_dir():
            return folder.absolute()
    return Path.cwd()
