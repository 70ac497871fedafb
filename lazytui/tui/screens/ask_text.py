"""A small sheet that asks for one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import KeyBar
from lazytui.tui.widgets.cells import Piece, content_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

MOST_CHARS = 4096


class AskText(Sheet[str]):
    """Gives the text, or None after ``esc``.

    Args:
        title: what is asked; any text, it is sanitized here.
        lines: what the user should know before answering; the same.
        text: what is in the field at first.
        problem: says what is wrong with a text; empty for one that is taken.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("ask",)
    BINDINGS = bindings("ask")

    def __init__(
        self, title: str, lines: Sequence[str], text: str, problem: Callable[[str], str]
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._problem_of = problem
        self._field = Input(text, compact=True, select_on_focus=False, max_length=MOST_CHARS)
        self._field.cursor_blink = False  # a blink is traffic on a slow line
        self._problem = Static(id="problem")

    def compose(self) -> ComposeResult:
        """Lay the card out."""
        with Vertical(classes="card"):
            yield Static(content_of([Piece(sanitize(self._title), bold=True)]), id="title")
            with VerticalScroll(can_focus=False, id="about"):
                about = "\n".join(sanitize(line) for line in self._lines)
                yield Static(content_of([Piece(about, "quiet")]))
            yield self._field
            yield self._problem
            yield KeyBar()

    def on_mount(self) -> None:
        """Begin to type."""
        self.set_focus(self._field)
        self.show_keys()

    def on_input_changed(self) -> None:
        """What was wrong is being put right."""
        self._problem.update("")

    def on_input_submitted(self) -> None:
        """The field takes ``enter`` before the sheet does."""
        self.action_submit()

    def action_submit(self) -> None:
        """Give the text, if it is right."""
        if problem := self._problem_of(self._field.value):
            self._problem.update(content_of([Piece(sanitize(problem), "attention")]))
        else:
            self.leave(self._field.value)

    def action_back(self) -> None:
        """Leave without an answer."""
        self.leave(None)
