"""The line in which a filter is typed, with the live result beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from lazytui.tui.keymap import bindings
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece, content_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.suggester import Suggester

MOST_CHARS = 2000  # somebody pasted something else


class FilterBar(Horizontal):
    """Asks for a filter. Each change is told at once, so that the list follows while one types."""

    SCOPES: ClassVar[tuple[str, ...]] = ("filter",)
    BINDINGS = bindings("filter")

    class Changed(Message):
        """The text is another one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The user is done.

        Args:
            keep: the filter stays; otherwise it goes.
        """

        def __init__(self, *, keep: bool) -> None:
            super().__init__()
            self.keep = keep

    class Stepped(Message):
        """The user wants to go up or down in the list, by so many rows."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(
        self,
        placeholder: str,
        *,
        id: str,  # noqa: A002 (Textual's own word)
        suggester: Suggester | None = None,
    ) -> None:
        super().__init__(id=id, classes="ruled")
        self._result = Bar()
        self._field = Input(
            placeholder=placeholder,
            compact=True,
            select_on_focus=False,
            max_length=MOST_CHARS,
            suggester=suggester,
        )
        self._field.cursor_blink = False  # a blink is traffic on a slow line

    def compose(self) -> ComposeResult:
        """Lay out the sign, the field and the result."""
        yield Static(content_of([Piece("/ ", "keys", bold=True)]))
        yield self._field
        yield self._result

    @property
    def typing(self) -> bool:
        """The field has the focus."""
        return self.is_attached and self.screen.focused is self._field

    def begin(self, text: str) -> None:
        """Let the user type, on from a text."""
        self._field.value = text
        self._field.cursor_position = len(text)
        self.display = True
        self.screen.set_focus(self._field)  # now: the next letters are meant for it

    def show(self, pieces: Sequence[Piece]) -> None:
        """Say the result, or what is wrong with the text."""
        self._result.show(((), pieces))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass the text on."""
        event.stop()
        if self.display:
            self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The field takes ``enter`` before the bar does."""
        event.stop()
        self.action_submit()

    def action_submit(self) -> None:
        """Keep the filter."""
        self.post_message(self.Left(keep=True))

    def action_back(self) -> None:
        """Give the filter up."""
        self.post_message(self.Left(keep=False))

    def action_cursor_down(self) -> None:
        """Go down in the list."""
        self.post_message(self.Stepped(1))

    def action_cursor_up(self) -> None:
        """Go up in the list."""
        self.post_message(self.Stepped(-1))
