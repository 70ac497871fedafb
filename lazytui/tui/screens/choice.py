"""A small menu over a screen: a title, what it is about, and answers with one key each."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import KeyBar
from lazytui.tui.widgets.cells import Piece, content_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult


class ChoiceScreen(Sheet[str]):
    """Asks for one of several answers. Gives the key of the answer, or None after ``esc``.

    Args:
        title: what is asked; any text, it is sanitized here.
        lines: what the user should know before answering; the same.
        choices: the key and the label of each answer.
        start: the answer that ``enter`` gives at once; None where an answer must be meant.
        aside: beside the title, such as ``1 of 2``.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("menu",)
    BINDINGS = bindings("menu")

    def __init__(
        self,
        title: str,
        lines: Sequence[str],
        choices: Sequence[tuple[str, str]],
        *,
        start: int | None = None,
        aside: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._choices = choices
        self._chosen = start
        self._aside = aside

    def compose(self) -> ComposeResult:
        """Lay the card out."""
        with Vertical(classes="card"):
            title = [Piece(sanitize(self._title), bold=True), Piece(f"  {self._aside}", "quiet")]
            yield Static(content_of(title), id="title")
            with VerticalScroll(can_focus=False, id="about"):
                about = "\n".join(sanitize(line) for line in self._lines)
                yield Static(content_of([Piece(about, "quiet")]))
            yield Static(id="choices")
            yield KeyBar()

    def on_mount(self) -> None:
        """Show the answers."""
        self._show()

    def _show(self) -> None:
        keys_width = max((cell_len(sanitize(key)) for key, _ in self._choices), default=1)
        pieces: list[Piece] = []
        for index, (key, label) in enumerate(self._choices):
            here = index == self._chosen
            pieces += [
                Piece("\n" if index else ""),
                Piece("▌" if here else " ", "moves"),
                Piece(f" {sanitize(key).ljust(keys_width)}", "keys", bold=True),
                Piece(f"  {sanitize(label)}", bold=here),
            ]
        self.query_one("#choices", Static).update(content_of(pieces))
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """``enter`` works once an answer is highlighted."""
        return self._chosen is not None if action == "choose" else True

    def on_key(self, event: events.Key) -> None:
        """Take the key of an answer."""
        if any(key in (event.key, event.character) for key, _ in self._choices):
            event.stop()
            self.leave(event.character if event.character else event.key)

    def on_click(self, event: events.Click) -> None:
        """Take the answer that was clicked; a click beside the card goes back."""
        if event.widget is self:
            self.leave(None)
        elif event.widget is not None and event.widget.id == "choices":
            offset = event.get_content_offset(event.widget)
            if offset is not None and 0 <= offset.y < len(self._choices):
                self.leave(self._choices[offset.y][0])

    def action_choose(self) -> None:
        """Give the highlighted answer."""
        if self._chosen is not None:
            self.leave(self._choices[self._chosen][0])

    def action_next(self) -> None:
        """Highlight the answer below."""
        self._highlight(0 if self._chosen is None else self._chosen + 1)

    def action_previous(self) -> None:
        """Highlight the answer above."""
        last = len(self._choices) - 1
        self._highlight(last if self._chosen is None else self._chosen - 1)

    def _highlight(self, index: int) -> None:
        if self._choices:
            self._chosen = index % len(self._choices)
            self._show()

    def action_back(self) -> None:
        """Leave without an answer."""
        self.leave(None)
