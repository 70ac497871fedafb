"""The parts of the run sheet's form: a choice of one, a field of one line, the recent commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from lazytui.text import age_text, sanitize
from lazytui.tui.run_order import count_text, in_one_line
from lazytui.tui.widgets.cells import Piece, content_of, fit, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.geometry import Size

    from lazytui.core.history import PastCommand

GAP = "   "  # between two options


class Option(NamedTuple):
    """One answer of a choice; ``name`` is sanitized already and coloured as given by people."""

    id: str
    text: str
    name: str = ""


class OptionRow(Widget, can_focus=True):
    """A choice of one of several options, on as many rows as they need.

    ``●`` stands before the chosen one. A click chooses; so do the actions of whoever has the
    keys, through :meth:`step`.
    """

    class Chosen(Message):
        """Another option was chosen by the user."""

    def __init__(self, options: Sequence[Option], chosen: str, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._options = list(options)
        self.chosen = chosen

    def offer(self, options: Sequence[Option]) -> None:
        """Offer other options; what is chosen stays chosen if it is among them."""
        self._options = list(options)
        if all(option.id != self.chosen for option in options):
            self.chosen = options[0].id
        self.refresh(layout=True)

    def choose(self, option: str) -> None:
        """Choose an option and tell."""
        if option != self.chosen and any(known.id == option for known in self._options):
            self.chosen = option
            self.refresh()
            self.post_message(self.Chosen())

    def step(self, by: int) -> None:
        """Choose the next option (1) or the one before (-1); the ends are ends."""
        at = next(i for i, option in enumerate(self._options) if option.id == self.chosen)
        self.choose(self._options[max(0, min(at + by, len(self._options) - 1))].id)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Give the rows that the options need at a width."""
        del container, viewport
        return len(self._lines(width))

    def _lines(self, width: int) -> list[list[Option]]:
        lines: list[list[Option]] = [[]]
        room = width
        for option in self._options:
            cells = _option_cells(option, width)
            if lines[-1] and cells + len(GAP) > room:
                lines.append([])
                room = width
            room -= cells + (len(GAP) if lines[-1] else 0)
            lines[-1].append(option)
        return lines

    def render(self) -> Content:
        """Draw the options."""
        width = self.content_size.width
        lines = [
            content_of(
                piece
                for index, option in enumerate(line)
                for piece in (Piece(GAP if index else ""), *self._pieces(option, width))
            )
            for line in self._lines(width)
        ]
        return Content("\n").join(lines)

    def _pieces(self, option: Option, width: int) -> list[Piece]:
        here = option.id == self.chosen
        focused = here and self.has_focus
        text = fit(option.text, width - 2)
        name = fit(option.name, max(0, width - 3 - cell_len(text)))
        return [
            Piece("● " if here else "○ ", "moves" if here else "faint", bold=focused),
            Piece(text, "moves" if focused else "plain" if here else "quiet", bold=focused),
            Piece(" " if text and name else ""),
            Piece(name, "people" if here else "quiet"),
        ]

    def on_focus(self) -> None:
        """Show where the keys go."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that they go elsewhere."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Choose the option that was clicked."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        width = self.content_size.width
        lines = self._lines(width)
        at = 0
        for option in lines[offset.y] if offset.y < len(lines) else ():
            cells = _option_cells(option, width)
            if at <= offset.x < at + cells:
                self.choose(option.id)
                return
            at += cells + len(GAP)


def _option_cells(option: Option, width: int) -> int:
    both = cell_len(option.text) + cell_len(option.name)
    return min(width, 2 + both + bool(option.text and option.name))


class TextField(Input):
    """A field of one line that takes text from outside only when it is harmless.

    With ``replace`` the first letter replaces what is in it: a default, not a text that was kept.
    """

    def __init__(
        self,
        value: str,
        placeholder: str = "",
        *,
        id: str,  # noqa: A002
        replace: bool = False,
    ) -> None:
        super().__init__(
            in_one_line(value),
            placeholder,
            id=id,
            compact=True,
            select_on_focus=replace,
        )
        self.cursor_blink = False  # a blink is traffic on a slow line

    def _on_paste(self, event: events.Paste) -> None:
        """Take all lines of a pasted text, breaks as signs; without what a terminal obeys."""
        event.stop()
        event.prevent_default()
        self.replace(in_one_line(event.text), *self.selection)

    def action_paste(self) -> None:
        """Take what was copied on a screen in the same way."""
        self.replace(in_one_line(self.app.clipboard), *self.selection)


class RecentList(Widget):
    """The newest commands that fit, one of them highlighted. A click takes one."""

    class Picked(Message):
        """A command was clicked."""

        def __init__(self, past: PastCommand) -> None:
            super().__init__()
            self.past = past

    def __init__(self, now: Callable[[], float], *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._now = now
        self._past: Sequence[PastCommand] = ()
        self._at: int | None = None

    def show(self, past: Sequence[PastCommand], at: int | None) -> None:
        """Show commands, the newest first, one of them highlighted."""
        self._past, self._at = past, at
        self.refresh()

    @property
    def _first(self) -> int:
        """The first command in sight: the highlighted one is always seen."""
        rows = max(1, self.content_size.height)
        return 0 if self._at is None else max(0, self._at - rows + 1)

    def render(self) -> Content:
        """Draw a row for each command."""
        size = self.content_size
        rows = self._past[self._first : self._first + size.height]
        return Content("\n").join(
            self._row(past, index == self._at, size.width)
            for index, past in enumerate(rows, self._first)
        )

    def _row(self, past: PastCommand, here: bool, width: int) -> Content:
        command = sanitize(in_one_line(past.command), max_chars=500)
        age = age_text(max(0.0, self._now() - past.when))
        left = [Piece("▌" if here else " ", "moves"), Piece(command, "plain", bold=here)]
        right = [Piece(f"{age:>4} ago", "quiet"), Piece(f"{count_text(past.hosts):>11}", "quiet")]
        return content_of(spread(left, right if width >= 50 else right[:1], width))

    def on_click(self, event: events.Click) -> None:
        """Take the command that was clicked."""
        offset = event.get_content_offset(self)
        if offset is not None and 0 <= (at := self._first + offset.y) < len(self._past):
            self.post_message(self.Picked(self._past[at]))
