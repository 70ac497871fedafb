"""The line in which one types what to find in output."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from lazytui.tui.keymap import bindings
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece, content_of, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

MOST_CHARS = 1000  # somebody pasted something else


class FindBar(Horizontal):
    """A sign, a field, and beside it what was found so far. Each change of the text is told."""

    SCOPES: ClassVar[tuple[str, ...]] = ("find-text",)
    BINDINGS = bindings("find-text")

    class Changed(Message):
        """The text is another one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Submitted(Message):
        """The user wants to go on with what is found."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id, classes="ruled")
        self._sign = Static()
        self._result = Bar()
        self._field = Input(
            placeholder="a text, or /an expression/",
            compact=True,
            select_on_focus=False,
            max_length=MOST_CHARS,
        )
        self._field.cursor_blink = False  # a blink is traffic on a slow line

    def compose(self) -> ComposeResult:
        """Lay out the sign, the field and the result."""
        yield self._sign
        yield self._field
        yield self._result

    def begin(self, sign: str, text: str) -> None:
        """Let the user type, on from a text."""
        self._sign.update(content_of([Piece(f"{sign} ", "keys", bold=True)]))
        with self.prevent(Input.Changed):
            self._field.value = text
        self._field.cursor_position = len(text)
        self.display = True
        self.screen.set_focus(self._field)  # now: the next letters are meant for it

    def show(self, pieces: Sequence[Piece]) -> None:
        """Say the result, or what is wrong with the text."""
        self._result.styles.width = width_of(pieces) + 2
        self._result.show(((), pieces))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass the text on."""
        event.stop()
        if self.display:
            self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The field takes ``enter`` before the screen does."""
        event.stop()
        self.post_message(self.Submitted())

    def action_submit(self) -> None:
        """Go to what is found."""
        self.post_message(self.Submitted())
