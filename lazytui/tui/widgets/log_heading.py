"""The heading of a step in its output, as a strip of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from lazytui.core.model import RunState
from lazytui.text import duration_text, sanitize
from lazytui.tui.widgets.cells import Piece, place, width_of
from lazytui.tui.widgets.run_table import STATES

if TYPE_CHECKING:
    from rich.color import Color

    from lazytui.core.run_steps import RunStep
    from lazytui.tui.widgets.log_line import Palette
    from lazytui.tui.widgets.log_rows import Heading

_TITLE_CHARS = 500
_TITLE_LEAST = 12  # cells that the words of a step keep beside what is said of it
_VERB_FROM = 100  # cells of a view from which the kind is said in full
_KINDS = {
    "run_command": "run",
    "run_function": "call",
    "send_file": "send",
    "get_file": "get",
}
_NAMED = {"broken": 1, "fine": 2, "attention": 3, "moves": 6}  # roles among a palette's colours


def heading_strip(heading: Heading, palette: Palette, now: float, cells: int) -> Strip:
    """Draw a heading over the whole width.

    Args:
        heading: what to say.
        palette: the colours.
        now: the time in epoch seconds.
        cells: the width of the view.
    """
    pieces = heading_pieces(heading, now, cells)
    ground = palette.heading if heading.step.state is not None else palette.base
    return Strip(
        [Segment(text, ground + _style(role, bold, palette)) for text, role, bold in pieces]
    )


def heading_pieces(heading: Heading, now: float, cells: int) -> list[Piece]:
    """Say what a step does, how it stands, how long it took and how many lines it wrote."""
    step = heading.step
    facts = _facts(heading, now)
    if width_of(facts) > cells - _TITLE_LEAST:
        facts = facts[:2]  # the state
    sign = " " if step.state is None else "▾" if heading.is_open else "▸"
    is_begun = step.state is not None
    left = [
        Piece(f"{sign} ", "moves"),
        Piece(f"{step.number + 1} ", "quiet"),
        Piece(f"{_kind(step, cells)}  ", "quiet"),
        Piece(_words(step), "plain" if is_begun else "quiet", bold=is_begun),
    ]
    room = max(0, cells - width_of(facts) - 2)
    return place([*place(left, room), Piece("  "), *facts], cells)


def _facts(heading: Heading, now: float) -> list[Piece]:
    step = heading.step
    if step.state is None:
        more = f" and {heading.more} more" if heading.more else ""
        return [Piece(f"not begun{more}", "quiet")]
    symbol, word, role = STATES[step.state]
    facts = [Piece(f"{symbol} ", role), Piece(word, role)]
    if step.exit_status is not None and step.state is not RunState.SUCCEEDED:
        facts.append(Piece(f"  exit {step.exit_status}", role))
    elif step.exit_status is not None:
        facts.append(Piece(f"  exit {step.exit_status}", "quiet"))
    seconds = step.seconds(now)
    facts.append(Piece("" if seconds is None else f"{duration_text(seconds):>8}", "quiet"))
    count = "" if heading.lines is None else f"{heading.lines:,}"
    word = "line " if heading.lines == 1 else "lines"
    facts.append(Piece(f"{count:>8} {word}" if count else "", "quiet"))
    return facts


def _kind(step: RunStep, cells: int) -> str:
    return step.verb if cells >= _VERB_FROM else _KINDS.get(step.verb, step.verb)


def _words(step: RunStep) -> str:
    """What it does; its kind is not said twice."""
    words = sanitize(step.title, max_chars=_TITLE_CHARS)
    return words.removeprefix(f"{_KINDS.get(step.verb, '')} ")


def _style(role: str, bold: bool, palette: Palette) -> Style:
    if role in _NAMED:
        colour: Color | None = palette.named[_NAMED[role]]
    else:
        colour = palette.base.color if role == "plain" else palette.remark.color
    return Style(color=colour, bold=bold)
