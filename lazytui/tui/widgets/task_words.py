"""What is said of a task: its state, how its runs went, where they ran, how far they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.cells import cell_len

from lazytui.core.audit import STATE_WORDS
from lazytui.core.model import RunState
from lazytui.core.where import fold
from lazytui.text import duration_text, sanitize
from lazytui.tui.widgets.cells import Piece, fit
from lazytui.tui.widgets.run_table import STATES, outcome_pieces, result_piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lazytui.core.model import RunRecord
    from lazytui.core.progress import Progress
    from lazytui.core.tasks import TaskView

    ProgressOf = Callable[[str], Progress | None]

GROUPS_TOLD = 3  # kinds of trouble, or hosts that are behind, that the details name

# How the runs of a task are counted, in this order. A cancelled one is no failure.
_SYMBOLS = {
    RunState.SUCCEEDED: "✓",
    RunState.FAILED: "✗",
    RunState.LOST: "?",
    RunState.CANCELLED: "–",
    RunState.RUNNING: "▸",
    RunState.QUEUED: "○",
}


def count_pieces(counts: Mapping[RunState, int]) -> list[Piece]:
    """Count the runs of a task: ``9✓ 1✗ 1○``."""
    pieces: list[Piece] = []
    for state, symbol in _SYMBOLS.items():
        if counts.get(state):
            gap = " " if pieces else ""
            pieces.append(Piece(f"{gap}{counts[state]}{symbol}", STATES[state][2]))
    return pieces


def word_pieces(counts: Mapping[RunState, int]) -> list[Piece]:
    """Count the runs of a task in words: ``9 done  1 failed``."""
    pieces: list[Piece] = []
    for state, word in STATE_WORDS.items():
        if counts.get(state):
            gap = "  " if pieces else ""
            pieces.append(Piece(f"{gap}{counts[state]} {word}", STATES[state][2]))
    return pieces


def result_pieces(task: TaskView, progress: ProgressOf) -> list[Piece]:
    """Say how a task goes or went: counts, or what its one run has to say."""
    if len(task.runs) > 1:
        return count_pieces(task.counts)
    (run,) = task.runs
    known = progress(run.run_id) if run.state is RunState.RUNNING else None
    return [Piece(known.text, "moves") if known else result_piece(run)]


def task_time(task: TaskView, now: float) -> str:
    """Give how long a task took, or has taken so far; empty before it started."""
    seconds = task.seconds(now)
    return "" if seconds is None else duration_text(seconds)


# --- where -------------------------------------------------------------------------------


def where_parts(hosts: Sequence[str]) -> list[tuple[str, int]]:
    """Give the folded families of hosts, each with the number of its hosts."""
    return [(sanitize(part), _size(part)) for part in _families(fold(hosts))]


def where_pieces(parts: Sequence[tuple[str, int]], group: str, cells: int) -> list[Piece]:
    """Say where in at most ``cells`` cells; what does not fit is counted: ``gpu[01-03] +5``."""
    if group:
        return [Piece(fit(f"@{sanitize(group)}", cells), "people")]
    whole = ",".join(text for text, _ in parts)
    if cell_len(whole) <= cells:
        return [Piece(whole)]
    for shown in range(len(parts) - 1, 0, -1):
        text = ",".join(part for part, _ in parts[:shown])
        more = f" +{sum(count for _, count in parts[shown:])}"
        if cell_len(text) + len(more) <= cells:
            return [Piece(text), Piece(more, "quiet")]
    more = f" +{sum(count for _, count in parts[1:])}" if len(parts) > 1 else ""
    if cells - len(more) < 4:
        return [Piece(fit(whole, cells))]
    return [Piece(fit(parts[0][0], cells - len(more))), Piece(more, "quiet")]


def _families(folded: str) -> list[str]:
    """Split a node set at its outer commas."""
    parts, depth, quoted, begin = [], 0, False, 0
    for at, char in enumerate(folded):
        if char == '"':
            quoted = not quoted
        elif not quoted:
            depth += (char == "[") - (char == "]")
            if char == "," and depth == 0:
                parts.append(folded[begin:at])
                begin = at + 1
    return [*parts, folded[begin:]]


def _size(part: str) -> int:
    """Count the hosts of one family: ``node[01-03,07]`` has four."""
    count = 1
    for ranges in part.split("[")[1:]:
        inside = ranges.partition("]")[0]
        count *= sum(_range_size(piece) for piece in inside.split(","))
    return count


def _range_size(piece: str) -> int:
    first, dash, last = piece.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal()):
        return 1
    return int(last) - int(first) + 1


# --- the details -------------------------------------------------------------------------


def task_pieces(task: TaskView, now: float, progress: ProgressOf) -> list[Piece]:
    """Say in words how a task stands, and what it is that went wrong or lags behind.

    Args:
        task: the task.
        now: the time in epoch seconds.
        progress: how far a run is.
    """
    if len(task.runs) == 1:
        pieces = outcome_pieces(task.runs[0], now)
        known = progress(task.runs[0].run_id) if not task.is_over else None
        return [*pieces, *([Piece(f"  {known.text}", "moves")] if known else [])]
    pieces = word_pieces(task.counts)
    if spent := task_time(task, now):
        pieces.append(Piece(f"  {'after' if task.is_over else 'for'} {spent}", "quiet"))
    told = _troubles(task.runs) or _behind(task.runs, progress)
    for piece in told[:GROUPS_TOLD]:
        pieces += [Piece(" · ", "faint"), piece]
    if len(told) > GROUPS_TOLD:
        pieces.append(Piece(f" · and {len(told) - GROUPS_TOLD} more", "quiet"))
    return pieces


def _troubles(runs: Iterable[RunRecord]) -> list[Piece]:
    """Name the hosts on which it went wrong, those with the same trouble together."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.state in (RunState.FAILED, RunState.LOST):
            status = "" if run.exit_status is None else f"exit {run.exit_status}"
            said = status or sanitize(run.reason) or STATE_WORDS[run.state]
            hosts.setdefault((said, STATES[run.state][2]), []).append(run.host)
    return [
        Piece(f"{sanitize(fold(names))} {said}", role)
        for (said, role), names in sorted(hosts.items(), key=lambda item: -len(item[1]))
    ]


def _behind(runs: Iterable[RunRecord], progress: ProgressOf) -> list[Piece]:
    """Name the running hosts with their progress, the slowest first."""
    known = [
        (found.share if found.share is not None else 1.0, run.host, found.text)
        for run in runs
        if run.state is RunState.RUNNING and (found := progress(run.run_id))
    ]
    return [Piece(f"{sanitize(host)} {text}", "moves") for _, host, text in sorted(known)]


# --- days --------------------------------------------------------------------------------


def day_of(at: float) -> tuple[int, int, int]:
    """Give the day of a time, as the clock on the wall has it: year, month, day."""
    there = time.localtime(at)
    return there.tm_year, there.tm_mon, there.tm_mday


def day_text(at: float, now: float) -> str:
    """Name the day of a time: ``yesterday``, ``Sunday``, ``14 November``; empty for today."""
    day, there = day_of(at), time.localtime(at)
    if day == day_of(now) or at > now:
        return ""
    noon = time.mktime((*day_of(now), 12, 0, 0, 0, 0, -1))  # a day back from noon is a day back
    for days in range(1, 7):
        if day == day_of(noon - days * 86_400):
            return "yesterday" if days == 1 else time.strftime("%A", there)
    form = "%d %B" if there.tm_year == time.localtime(now).tm_year else "%d %B %Y"
    return time.strftime(form, there).lstrip("0")
