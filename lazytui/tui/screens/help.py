"""Help: the keys of the screen below, made from the keymap."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lazytui.tui.keymap import SCOPE_TITLES, bindings, keys_of, shown_key
from lazytui.tui.screens.sheet import Sheet
from lazytui.tui.widgets.bars import KeyBar
from lazytui.tui.widgets.cells import Piece, content_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

CARD_ROWS = 5  # border, padding, and the key bar with a blank above it


class HelpScreen(Sheet[None]):
    """Lists every key of the given scopes, each with a sentence."""

    BINDINGS = bindings("help")
    SCOPES: ClassVar[tuple[str, ...]] = ("help",)

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__()
        self._pieces = help_pieces(scopes)

    def compose(self) -> ComposeResult:
        """Lay the card out."""
        with Vertical(classes="card"):
            with VerticalScroll(id="keys"):
                yield Static(content_of(self._pieces))
            yield KeyBar()

    def on_mount(self) -> None:
        """Make the card as high as its text, where the terminal allows it, and say how to leave."""
        rows = sum(piece.text.count("\n") for piece in self._pieces) + 1
        self.query_one(".card").styles.height = rows + CARD_ROWS
        self.show_keys()

    def action_close(self) -> None:
        """Go back."""
        self.leave()


def help_pieces(scopes: Sequence[str]) -> list[Piece]:
    """Give the keys of the scopes, a heading for each group of them."""
    groups: dict[str, list[tuple[str, str]]] = {}
    title = ""
    for scope in scopes:
        title = SCOPE_TITLES.get(scope, title)
        rows = groups.setdefault(title, [])
        rows += [(" ".join(map(shown_key, key.keys)), key.help) for key in keys_of(scope)]
    width = max(cell_len(keys) for rows in groups.values() for keys, _ in rows)
    pieces: list[Piece] = []
    for title, rows in groups.items():
        pieces += [Piece("\n\n" if pieces else ""), Piece(title, bold=True)]
        for keys, text in rows:
            pieces += [
                Piece(f"\n  {keys}{' ' * (width - cell_len(keys))}", "keys"),
                Piece(f"   {text}", "quiet"),
            ]
    return pieces
