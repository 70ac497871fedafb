"""What the rows of one outcome say: its heading, and as much of its output as is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.outcomes import Kind
from lazytui.core.outputs import HEAD_LINES, differing_part
from lazytui.text import duration_text, sanitize
from lazytui.tui.widgets.cells import Piece, fit, place, width_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from lazytui.core.model import RunRecord
    from lazytui.core.outcome_reader import Compared
    from lazytui.core.outcomes import Outcome

CLIPPED_LINES = 6
INDENT = "     "
NAME_LEAST = 12  # cells that a long node set keeps


class Level(IntEnum):
    """How much of an output is shown."""

    FOLDED = 0
    CLIPPED = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class Shown:
    """Which lines of an output are shown, and how many are not."""

    lines: Sequence[int]
    hidden: int

    @property
    def height(self) -> int:
        """Rows that it takes."""
        return len(self.lines) + (self.hidden > 0)


def identity(outcome: Outcome) -> Hashable:
    """Give what makes an outcome the same when hosts come to it or leave it."""
    first = outcome.first
    text = outcome.output.masked if outcome.output else b""
    return outcome.kind, first.state, first.exit_status, first.reason, text


def shown_lines(compared: Compared, level: Level) -> Shown:
    """Choose the lines of an outcome that are shown: of a long one, those that differ."""
    outcome = compared.outcome
    if outcome.kind is Kind.RUNNING:
        return Shown(range(1 if outcome.live_line and level else 0), 0)
    output = outcome.output
    if output is None or level is Level.FOLDED:
        return Shown((), 0)
    total, there = output.line_count, len(output.head)
    wanted = CLIPPED_LINES if level is Level.CLIPPED else HEAD_LINES
    if total == wanted + 1:
        wanted = total  # saying that a line is missing takes as much room as the line
    lines: Sequence[int] = range(min(wanted, there))
    difference = compared.difference
    if difference is not None and total > wanted and level is Level.CLIPPED:
        lines = [line for line in difference.lines if line < there][:wanted] or lines
    return Shown(lines, total - len(lines))


def heading(compared: Compared, now: float, cells: int) -> list[Piece]:
    """Say who, how many, and how it went, in ``cells`` cells.

    Args:
        compared: the runs, and what they are compared with.
        now: the time in epoch seconds.
        cells: the room; a long node set gives way first.
    """
    outcome = compared.outcome
    facts = _facts(compared, now)
    room = max(NAME_LEAST, cells - width_of(facts))
    role = "quiet" if outcome.kind in (Kind.NOT_REACHED, Kind.QUEUED) else "plain"
    return place([Piece(fit(sanitize(outcome.name), room), role, bold=True), *facts], cells)


def _facts(compared: Compared, now: float) -> list[Piece]:
    outcome = compared.outcome
    count = len(outcome.records)
    hosts = [Piece("  1 host" if count == 1 else f"  {count} hosts", "quiet")]
    match outcome.kind:
        case Kind.ENDED:
            return [*hosts, Piece(" · ", "quiet"), *_end(outcome), *_comparison(compared)]
        case Kind.NOT_REACHED:
            state = [Piece(" · ", "quiet"), Piece("not reached", "broken")]
        case Kind.READING:
            state = [Piece(" · reading the output …", "quiet")]
        case Kind.RUNNING:
            state = [Piece(" · ", "quiet"), Piece(f"▸ running {_longest(outcome, now)}", "moves")]
        case Kind.QUEUED:
            state = [Piece(" · ○ queued", "quiet")]
    return [*hosts, *state, *_reason(outcome)]


def _end(outcome: Outcome) -> list[Piece]:
    first = outcome.first
    status = "" if first.exit_status is None else f"exit {first.exit_status}"
    match first.state:
        case RunState.SUCCEEDED:
            state = Piece(status or "done", "quiet")
        case RunState.FAILED:
            state = Piece(status or "failed", "broken")
        case _:
            words = f"{first.state.value} · {status}" if status else first.state.value
            state = Piece(words, "attention")
    return [state, *_reason(outcome)]


def _reason(outcome: Outcome) -> list[Piece]:
    # The engine says "not reached: refused", and so do we, in words of our own.
    reason = outcome.first.reason.removeprefix(f"{Kind.NOT_REACHED.value}: ")
    reason = sanitize(reason, max_chars=300)
    return [Piece(f"  {reason}", "quiet")] if reason else []


def _comparison(compared: Compared) -> list[Piece]:
    output = compared.outcome.output
    silent = [Piece(" · no output", "quiet")] if output and not output.line_count else []
    if compared.is_reference:
        return [*silent, Piece("  reference", "quiet")]
    if silent:
        return silent
    difference = compared.difference
    if difference is None:
        return []
    if difference.count == 0:
        # Nothing to be seen: in spaces of width zero, or far down.
        return [Piece("  same lines" if difference.is_whole else "  differs", "quiet")]
    more = "" if difference.is_whole else "+"
    word = "line differs" if difference.count == 1 and not more else "lines differ"
    return [Piece(" · ", "quiet"), Piece(f"{difference.count}{more} {word}", "attention")]


def _longest(outcome: Outcome, now: float) -> str:
    started = [record.started for record in outcome.records if record.started is not None]
    return duration_text(max(0.0, now - min(started))) if started else ""


def body_line(compared: Compared, line: int, cells: int) -> list[Piece]:
    """Show a line of an output; of one that differs, where it does."""
    outcome = compared.outcome
    if outcome.kind is Kind.RUNNING:
        return [Piece(INDENT + fit(outcome.live_line, cells - len(INDENT)), "quiet")]
    if outcome.output is None:
        return []
    text = outcome.output.head[line]
    room = cells - len(INDENT)
    difference = compared.difference
    if difference is None or line not in difference.lines or compared.reference is None:
        return [Piece(INDENT), Piece(fit(text, room))]
    start, end = _differs(text, difference.lines[line], compared.reference)
    shown = fit(text, room)
    return [
        Piece("   ~ ", "attention"),
        Piece(shown[:start]),
        Piece(shown[start:end], "attention"),
        Piece(shown[end:]),
    ]


def _differs(text: str, counterpart: int | None, reference: Outcome) -> tuple[int, int]:
    head = reference.output.head if reference.output else ()
    if counterpart is None or counterpart >= len(head):
        return 0, len(text)
    start, end = differing_part(head[counterpart], text)
    return (start, end) if start < end else (0, len(text))


def rest_line(hidden: int) -> list[Piece]:
    """Say how many lines are not shown."""
    word = "line" if hidden == 1 else "lines"
    return [
        Piece(f"{INDENT}… {hidden:,} more {word} · ", "quiet"),
        Piece("enter", "keys"),
        Piece(" opens", "quiet"),
    ]


# Of a task as a whole: symbol, word and role, what needs a look first.
_COUNTS = (
    (RunState.SUCCEEDED.value, "✓", "ok", "fine"),
    (RunState.FAILED.value, "✗", "failed", "broken"),
    (Kind.NOT_REACHED.value, "○", "not reached", "broken"),
    (RunState.LOST.value, "?", "lost", "attention"),
    (RunState.CANCELLED.value, "✗", "cancelled", "attention"),
    (RunState.RUNNING.value, "▸", "running", "moves"),
    (RunState.QUEUED.value, "○", "queued", "quiet"),
)


def count_pieces(counts: Mapping[str, int]) -> list[Piece]:
    """Count runs by what became of them: ``✓ 9 ok   ✗ 1 failed``."""
    return [
        piece
        for what, symbol, word, role in _COUNTS
        if counts.get(what)
        for piece in (Piece(f"{symbol} {counts[what]} {word}", role), Piece("   "))
    ][:-1]


def variety_piece(outcomes: Sequence[Outcome]) -> Piece:
    """Say how many different outputs there are."""
    ended = sum(outcome.kind is Kind.ENDED for outcome in outcomes)
    if not ended:
        return Piece("")
    return Piece("1 output" if ended == 1 else f"{ended} different outputs", "quiet")


def whole_time(records: Sequence[RunRecord], now: float) -> str:
    """Say how long a task took from its first start to its last end, or has run so far."""
    started = [record.started for record in records if record.started is not None]
    if not started:
        return ""
    ends = [record.ended or now for record in records if record.started is not None]
    return duration_text(max(0.0, max(ends) - min(started)))
