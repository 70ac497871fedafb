"""The lines with which a script uses a cluster, to be read and copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lazytui.text import sanitize
from lazytui.tui.clipboard import copy
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import KeyBar
from lazytui.tui.widgets.cells import Piece, content_of

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult


class SnippetSheet(Sheet[None]):
    """Shows a piece of program, and copies it as it is.

    Args:
        title: what it is for; any text, it is sanitized here.
        snippet: the lines; the same.
        about: what the user should know; the same.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("snippet",)
    BINDINGS = bindings("snippet")

    def __init__(self, title: str, snippet: str, about: str) -> None:
        super().__init__()
        self._title = title
        self._snippet = sanitize(snippet, keep_newlines=True)
        self._about = about

    def compose(self) -> ComposeResult:
        """Lay the card out."""
        with Vertical(classes="card"):
            yield Static(content_of([Piece(sanitize(self._title), bold=True)]), id="title")
            with VerticalScroll(can_focus=False, id="about"):
                yield Static(content_of([Piece(self._snippet.rstrip("\n"))]))
            yield Static(content_of([Piece(sanitize(self._about), "quiet")]), id="choices")
            yield KeyBar()

    def on_mount(self) -> None:
        """Show the keys."""
        self.show_keys()

    def on_click(self, event: events.Click) -> None:
        """A click beside the card goes back."""
        if event.widget is self:
            self.leave()

    def action_copy(self) -> None:
        """Copy the lines, and go."""
        self.app.notify(copy(self.app, self._snippet), markup=False)
        self.leave()

    def action_back(self) -> None:
        """Go back."""
        self.leave()
