"""What is said of a run, wherever it is shown: its state, its result, its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.text import duration_text, sanitize
from lazytui.tui.widgets.cells import Piece

if TYPE_CHECKING:
    from lazytui.core.model import RunRecord

# Symbol, word and role of every state, those that need a look first.
STATES: dict[RunState, tuple[str, str, str]] = {
    RunState.RUNNING: ("▸", "running", "moves"),
    RunState.QUEUED: ("○", "queued", "quiet"),
    RunState.FAILED: ("✗", "failed", "broken"),
    RunState.LOST: ("?", "lost", "attention"),
    RunState.CANCELLED: ("✗", "cancelled", "attention"),
    RunState.SUCCEEDED: ("✓", "done", "fine"),
}


def state_pieces(record: RunRecord) -> list[Piece]:
    """Say the state of a run: a symbol and a word."""
    symbol, word, role = STATES[record.state]
    return [Piece(f"{symbol} ", role), Piece(word, role)]


def result_piece(record: RunRecord) -> Piece:
    """Say how a run ended: its exit status, else the reason in plain words."""
    if record.exit_status is not None:
        role = "broken" if record.state is RunState.FAILED else "quiet"
        return Piece(f"exit {record.exit_status}", role)
    return Piece(sanitize(record.reason), "quiet")


def time_text(record: RunRecord, now: float) -> str:
    """Give how long a run took, or has run so far.

    Args:
        record: the run.
        now: the time in epoch seconds.
    """
    if record.state.is_final:
        return duration_text(record.seconds) if record.seconds is not None else ""
    return duration_text(max(0.0, now - record.started)) if record.started is not None else ""


def outcome_pieces(record: RunRecord, now: float) -> list[Piece]:
    """Say in words how a run stands: its state, its exit status, and the reason if there is one.

    Args:
        record: the run.
        now: the time in epoch seconds.
    """
    pieces = state_pieces(record)
    if record.exit_status is not None:
        pieces += [Piece("  "), result_piece(record)]
    if time := time_text(record, now):
        pieces.append(Piece(f"  {'after' if record.state.is_final else 'for'} {time}", "quiet"))
    if record.reason:
        pieces.append(Piece(f"  {sanitize(record.reason)}", "plain"))
    if record.state is RunState.LOST:
        pieces.append(Piece(" · its exit status is not known; the output so far is kept", "quiet"))
    return pieces
