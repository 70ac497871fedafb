"""The palette: everything that can be done here, found by a few letters of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.fuzzy import FuzzySearch

from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.entry_sheet import EntrySheet
from lazytui.tui.widgets.bars import KeyBar
from lazytui.tui.widgets.entry_list import Entry
from lazytui.tui.widgets.run_form_fields import TextField

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.widgets import Input

# More letters than any name has; the search takes time with each.
LETTERS_MATCHED = 24
LETTERS_SHOWN = 200


class PaletteScreen(EntrySheet):
    """Finds an entry by its name; gives the one that was chosen, or None.

    Args:
        entries: what there is to do.
        filters: what ``:hosts gpu>=1`` does, by the first word: called with the rest.
        example: of what may be typed.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("palette",)
    BINDINGS = bindings("palette")

    def __init__(
        self,
        entries: Sequence[Entry],
        filters: Mapping[str, Callable[[str], object]],
        *,
        example: str = "a command",
    ) -> None:
        super().__init__(entries)
        self._example = example
        self._filters = filters
        self._search = FuzzySearch()

    def compose(self) -> ComposeResult:
        """Lay the card out: what is typed, and what it finds."""
        with Vertical(classes="card -palette"):
            yield TextField("", self._example, id="command")
            yield self._list
            yield KeyBar()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what matches, the best first."""
        self._list.show(self._matching(event.value.strip().removeprefix(":").lstrip()))

    def _matching(self, text: str) -> list[Entry]:
        if not text:
            return list(self._entries)
        place, _, rest = text.partition(" ")
        found = []
        if (go := self._filters.get(place.lower())) and rest.strip():
            shown = sanitize(rest.strip(), max_chars=LETTERS_SHOWN)
            found.append(
                Entry(f"{place.capitalize()} that match  {shown}", do=lambda: go(rest.strip()))
            )
        letters = text[:LETTERS_MATCHED]
        ranked = [
            (self._score(letters, entry.text), -place, entry)
            for place, entry in enumerate(self._entries)
        ]
        found += [entry for score, _, entry in sorted(ranked, reverse=True, key=_rank) if score]
        return found

    def _score(self, letters: str, text: str) -> float:
        score = self._search.match(letters, text)[0]
        return score * 2 if text.lower().startswith(letters.lower()) else score

    def on_input_submitted(self) -> None:
        """The field takes ``enter`` before the sheet does."""
        self.action_choose()


def _rank(found: tuple[float, int, Entry]) -> tuple[bool, float, int]:
    """What can be done now comes first, then what matches best, then the order of the map."""
    score, place, entry = found
    return entry.able, score, place
