"""Which columns Hosts shows: a list to tick off, followed by the table at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.widgets import Static

from lazytui.tui.keymap import bindings
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.host_table import COLUMN_CHOICES

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet


class ColumnsScreen(ChoiceScreen, inherit_bindings=False):
    """Each column with a tick that its letter, or ``space``, sets and takes away.

    Args:
        hidden: the names of the columns that are not shown.
        hide: told of the names whenever they change.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("columns",)
    BINDINGS = bindings("columns")

    def __init__(self, hidden: AbstractSet[str], hide: Callable[[AbstractSet[str]], None]) -> None:
        names = list(COLUMN_CHOICES)
        choices = [(COLUMN_CHOICES[name].key, COLUMN_CHOICES[name].text) for name in names]
        about = [
            "Where room is short, the last ones go first.",
            "For this terminal; in config.toml: [screen] hidden_columns.",
        ]
        super().__init__("Columns", about, choices, start=0)
        self._names = names
        self._hidden = set(hidden)
        self._hide = hide

    def _show(self) -> None:
        pieces: list[Piece] = []
        for index, (key, label) in enumerate(self._choices):
            here, shown = index == self._chosen, self._names[index] not in self._hidden
            pieces += [
                Piece("\n" if index else ""),
                Piece("▌" if here else " ", "moves"),
                Piece(" ✓" if shown else "  ", "fine"),
                Piece(f" {key}", "keys", bold=True),
                Piece(f"  {label}", "plain" if shown else "quiet", bold=here),
            ]
        self.query_one("#choices", Static).update(content_of(pieces))
        self.show_keys()

    def leave(self, answer: str | None = None) -> None:
        """A letter ticks its column and the list stays; ``esc`` and ``enter`` close it."""
        keys = [key for key, _ in self._choices]
        if answer in keys:
            self._toggle(keys.index(answer))
        else:
            super().leave(answer)

    def action_tick(self) -> None:
        """Show the highlighted column, or hide it."""
        if self._chosen is not None:
            self._toggle(self._chosen)

    def action_back(self) -> None:
        """Close the list; what was ticked stays so."""
        super().leave(None)

    def _toggle(self, index: int) -> None:
        self._chosen = index
        self._hidden ^= {self._names[index]}
        self._hide(frozenset(self._hidden))
        self._show()
