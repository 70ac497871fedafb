"""A sheet at the bottom that asks for a file to write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widgets import Input

from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.place import path_meant
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece

if TYPE_CHECKING:
    from textual.app import ComposeResult


class PathPrompt(Sheet[Path]):
    """Asks for the path of a file; gives it, or None after ``esc``.

    A file that is there already is named, and taken only when ``enter`` comes again.

    Args:
        title: what will be written.
        suggested: what is in the field at first.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("path",)
    BINDINGS = bindings("path")

    def __init__(self, title: str, suggested: str) -> None:
        super().__init__()
        self._title = title
        self._suggested = suggested
        self._told = ""  # that this path is there already
        self._expect = Bar(id="expect")

    def compose(self) -> ComposeResult:
        """Lay the sheet out: what, where, and what to expect."""
        title = Bar(id="where")
        title.show(([Piece(self._title, bold=True)], ()))
        field = Input(self._suggested, compact=True, select_on_focus=False)
        field.cursor_blink = False  # a blink is traffic on a slow line
        with Vertical(classes="sheet"):
            yield title
            yield field
            yield self._expect
            yield KeyBar()

    def on_mount(self) -> None:
        """Say where it will be."""
        self._expect_in(self._suggested)
        self.show_keys()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say where it will be."""
        self._told = ""
        self._expect_in(event.value)

    def _expect_in(self, text: str) -> None:
        where = sanitize(str(path_meant(self.app, text)), max_chars=500)
        self._expect.show(([Piece(f"On the manager: {where}", "quiet")], ()))

    def action_submit(self) -> None:
        """Take the path, if something can be written there."""
        text = self.query_one(Input).value
        if not text.strip():
            return
        path = path_meant(self.app, text)
        if problem := self._problem(path):
            self._expect.show(([Piece(sanitize(problem, max_chars=500), "attention")], ()))
            return
        self.leave(path)

    def _problem(self, path: Path) -> str:
        try:
            if path.is_dir():
                return f"A folder, add a name: {path}"
            if not path.parent.is_dir():
                return f"There is no folder {path.parent}"
            if path.exists() and self._told != str(path):
                self._told = str(path)
                return f"There already; enter again replaces it: {path}"
        except (OSError, ValueError) as error:
            return f"Not a path: {error}"
        return ""

    def on_input_submitted(self) -> None:
        """The field takes ``enter`` before the sheet does."""
        self.action_submit()

    def action_back(self) -> None:
        """Leave; nothing is written."""
        self.leave(None)
