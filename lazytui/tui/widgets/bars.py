"""The rows around a screen's body: header, banner, details, status and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from lazytui.tui.widgets.cells import Piece, content_of, spread, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual import events

    from lazytui.tui.keymap import Key

TABS = (
    ("1", "Hosts", "view_hosts"),
    ("2", "Tasks", "view_tasks"),
    ("3", "Ports", "view_ports"),
    ("4", "Files", "view_files"),
    ("5", "Clusters", "view_clusters"),
    ("6", "Events", "view_log"),
)
BRAND = (Piece("lazytui", "moves", bold=True), Piece("  "))
WIDE_ENOUGH_FOR_WORDS = 60
ROOM_FOR_FACTS = 24  # cells that the tabs leave for what counts, before the name may stand there
WAY_LEAST = 16  # cells that the way keeps beside a long state


class Bar(Widget):
    """One or more rows of pieces, the left ones at the left edge, the right ones at the right."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: Sequence[tuple[Sequence[Piece], Sequence[Piece]]] = ()

    def show(self, *rows: tuple[Sequence[Piece], Sequence[Piece]]) -> None:
        """Show rows, each as the pieces of its left and of its right end."""
        if rows != self._rows:
            self._rows = rows
            self.refresh()

    def render(self) -> Content:
        """Lay the rows out at the present width."""
        cells = self.content_size.width
        lines = [content_of(spread(left, right, cells)) for left, right in self._rows]
        return Content("\n").join(lines)


class Header(Widget):
    """Where the user is at the left, what counts here at the right, as far as there is room.

    At the far right it says how many others look at the same engine: they may act, too.

    Args:
        read_only: it says that nothing can be changed from here.
    """

    def __init__(self, *, read_only: bool = False) -> None:
        super().__init__()
        self._read_only = read_only
        self._left: Sequence[Piece] = ()
        self._left_least = 0
        self._tab = ""  # the current one; empty while a way is shown
        self._facts: Sequence[Sequence[Piece]] = ()
        self._others = 0

    def show_others(self, others: int) -> None:
        """Say how many other terminals are attached; nothing when there is none."""
        if others != self._others:
            self._others = others
            self.refresh()

    def tabs(self, current: str, counts: Sequence[Piece]) -> None:
        """Show the tabs with the current one raised, and counts, the most important first."""
        self._tab = current
        self._show((), 0, [[count] for count in counts])

    def way(self, steps: Sequence[Piece], state: Sequence[Piece]) -> None:
        """Show the way to a screen, ``Tasks › #41 train.py``, and the state of what it shows."""
        pieces = [*BRAND, *steps]
        self._tab = ""
        self._show(pieces, min(width_of(pieces), WAY_LEAST), [state])

    def _show(
        self, left: Sequence[Piece], left_least: int, facts: Sequence[Sequence[Piece]]
    ) -> None:
        if (left, facts) != (self._left, self._facts):
            self._left, self._left_least, self._facts = left, left_least, facts
            self.refresh()

    def render(self) -> Content:
        """Put the left end and as many facts as fit."""
        cells = self.content_size.width
        left = self._left_at(cells)
        least = width_of(left) if self._tab else self._left_least
        right: list[Piece] = []
        others = self._presence
        for fact in self._facts:
            longer = [*right, *([Piece(" · ", "faint")] if right else []), *fact]
            if width_of(longer) + width_of(others) + least + 2 > cells:
                break
            right = longer
        if width_of(others) + least + 2 <= cells:
            right += others[0 if right else 1 :]
        return content_of(spread(left, right, cells))

    @property
    def _presence(self) -> list[Piece]:
        """Name the others, and that one looks on only, each after a separator."""
        pieces: list[Piece] = []
        if self._read_only:
            pieces += [Piece(" · ", "faint"), Piece("read-only", "attention")]
        if self._others:
            pieces += [Piece(" · ", "faint"), Piece(f"+{self._others} here", "people")]
        return pieces

    def _left_at(self, cells: int) -> Sequence[Piece]:
        """Give the left end: the name goes where what counts would not fit, then gaps and words."""
        if not self._tab:
            return self._left
        name, tabs = self._tabs_at(cells)
        return [*name, *_joined(tabs)]

    def _tabs_at(self, cells: int) -> tuple[Sequence[Piece], list[list[Piece]]]:
        """Give the name, where it has room, and the tabs."""
        wide, close = _tabs(self._tab), _tabs(self._tab, gap="")
        for name, tabs in ((BRAND, wide), ((), wide), ((), close)):
            if width_of([*name, *_joined(tabs)]) + ROOM_FOR_FACTS <= cells:
                return name, tabs
        return (), close if width_of(_joined(close)) <= cells else _tabs(self._tab, short=True)

    async def on_click(self, event: events.Click) -> None:
        """Go to the tab that was clicked; on a way, one step back."""
        at = event.get_content_offset_capture(self).x
        if not self._tab:
            if width_of(BRAND) <= at < width_of(self._left):
                self.app.simulate_key("escape")
            return
        name, tabs = self._tabs_at(self.content_size.width)
        at -= width_of(name)
        for tab, (*_, action) in zip(tabs, TABS, strict=True):
            if 0 <= at < width_of(tab):
                await self.app.run_action(action)
                return
            at -= width_of(tab)


def _tabs(current: str, *, gap: str = " ", short: bool = False) -> list[list[Piece]]:
    """Give the pieces of each tab and the gap after it; short, only the current one has a word."""
    tabs = []
    for key, title, _ in TABS:
        here = title == current
        role = "raised on $moves" if here else "quiet"
        word = [Piece(f"{title} ", role, bold=here)] if here or not short else []
        tabs.append([Piece(f" {key} ", role, bold=here), *word, Piece(gap)])
    return tabs


def _joined(tabs: list[list[Piece]]) -> list[Piece]:
    return [piece for tab in tabs for piece in tab]


class KeyBar(Widget):
    """The keys that do something here and now. What does not fit goes from the end.

    At the right it says that questions wait, as none of them ever comes up by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[Key, ...] = ()
        self._waiting = 0
        self._ask: Key | None = None

    def show(self, keys: Iterable[Key]) -> None:
        """Show these keys."""
        keys = tuple(keys)
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def show_waiting(self, questions: int, key: Key) -> None:
        """Say how many questions wait, and the key that asks them."""
        if (questions, key) != (self._waiting, self._ask):
            self._waiting, self._ask = questions, key
            self.refresh()

    @property
    def shown(self) -> list[Key]:
        """The keys that fit; the last one, which leads to all others, always stays."""
        room = self.content_size.width
        if hint := width_of(self._hint):
            room -= hint + 2  # the gap before it
        *first, last = self._keys or (None,)
        if last is None:
            return []
        room -= _key_cells(last)
        fitting: list[Key] = []
        for key in first:
            room -= _key_cells(key)
            if room < 0:
                break
            fitting.append(key)
        return [*fitting, last]

    @property
    def _hint(self) -> list[Piece]:
        if not self._waiting or self._ask is None:
            return []
        words = f"{self._waiting} question{' waits' if self._waiting == 1 else 's wait'}"
        if self.content_size.width < WIDE_ENOUGH_FOR_WORDS:
            words = str(self._waiting)
        return [
            Piece("◆ ", "attention"),
            Piece(words, "attention"),
            Piece(" · ", "faint"),
            Piece(self._ask.shown, "keys", bold=True),
        ]

    def render(self) -> Content:
        """Draw key and verb, key and verb; the hint at the other end."""
        keys = [
            piece
            for key in self.shown
            for piece in (Piece(key.shown, "keys", bold=True), Piece(f" {key.text}  ", "quiet"))
        ]
        return content_of(spread(keys, self._hint, self.content_size.width))

    def on_click(self, event: events.Click) -> None:
        """Do what the clicked key does: press it."""
        at = event.get_content_offset_capture(self).x
        if self._ask is not None and at >= self.content_size.width - width_of(self._hint):
            self.app.simulate_key(self._ask.keys[0])
            return
        for key in self.shown:
            if 0 <= at < _key_cells(key):
                self.app.simulate_key(key.keys[0])
                return
            at -= _key_cells(key)


def _key_cells(key: Key) -> int:
    return cell_len(key.shown) + 1 + cell_len(key.text) + 2


def banner_pieces(problems: Sequence[str]) -> list[Piece]:
    """Say the first problem of the configuration, and how many more there are."""
    more = f"  (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return [Piece("! ", "attention"), Piece(problems[0], "attention"), Piece(more, "quiet")]
