"""What the cells of a host's row say: its state, its load, or why it cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.model import HostState
from lazytui.text import age_text, percent, sanitize, size_text
from lazytui.tui.widgets.cells import Piece, share_piece

if TYPE_CHECKING:
    from lazytui.tui.context import QuestionView, RuntimeView

NOTHING = Piece("–", "faint")
DISK_LIMIT = 0.90  # a disk that is so full is going to stop somebody's work


def down_pieces() -> list[Piece]:
    """Say that a host is inactive."""
    return [Piece("○ ", "broken"), Piece("down", "quiet")]


def state_piece(runtime: RuntimeView, now: float) -> list[Piece]:
    """Say the state of a host: a symbol and a word, for stale ones its age.

    Args:
        runtime: the host.
        now: the monotonic time in seconds.
    """
    if runtime.question is not None:
        return [Piece("◆ ", "attention"), Piece(asking_word(runtime.question))]
    match runtime.state:
        case HostState.ACTIVE:
            return [Piece("● ", "fine"), Piece("up")]
        case HostState.STALE:
            age = age_text(max(0.0, now - runtime.since))
            return [Piece("◐ ", "attention"), Piece(f"stale {age}", "quiet")]
        case HostState.CONNECTING:
            return [Piece("◌ ", "moves"), Piece("connecting", "quiet")]
        case HostState.LISTED:
            return [Piece("◌ ", "faint"), Piece("listed", "quiet")]
        case HostState.INACTIVE:
            return down_pieces()


def asking_word(question: QuestionView) -> str:
    """Say in a word what a host asks for: a decision, or the proof who we are."""
    return "auth" if question.fields else "asks"


def reason_pieces(runtime: RuntimeView) -> list[Piece]:
    """Say why a host is not usable and what comes next, with the key that helps."""
    reason = sanitize(runtime.reason)
    if runtime.question is not None:
        reason = sanitize(runtime.question.summary) if runtime.question.fields else reason
        return [Piece(reason or "asks a question", "quiet"), *_key_hint("Q", "answer")]
    if runtime.state is not HostState.INACTIVE:
        return [Piece(reason, "quiet")]
    if runtime.error_kind == "asks":  # a bastion on its way does
        return [Piece(reason, "quiet"), *_key_hint("Q", "answer")]
    return fold_pieces(reason, runtime.next_try_s())


def fold_pieces(reason: str, next_try_s: float | None) -> list[Piece]:
    """Say why hosts are inactive, and when the next of them is tried."""
    if next_try_s is None:
        return [Piece(reason, "quiet"), Piece("  "), *wait_pieces(None)]
    return [Piece(reason, "quiet"), Piece(" · ", "quiet"), *wait_pieces(next_try_s)]


def wait_pieces(next_try_s: float | None) -> list[Piece]:
    """Say when a host is tried again, and with what key at once."""
    if next_try_s is None:
        return _key_hint("R", "try again")[1:]
    return [Piece(f"next try in {max(0, round(next_try_s))} s", "quiet"), *_key_hint("R", "now")]


def _key_hint(key: str, text: str) -> list[Piece]:
    return [Piece("  "), Piece(key, "keys"), Piece(f" {text}", "quiet")]


def disk_piece(share: float) -> Piece:
    """Give how full a disk is; over the limit with ``!``, which sticks out of the column."""
    if share >= DISK_LIMIT:
        return Piece(f"{percent(share)}!", "broken")
    return Piece(f"{percent(share)} ", share_piece(share).role)


def metric_cells(runtime: RuntimeView) -> dict[str, Piece]:
    """Give what each metric column shows of a host; a missing one shows nothing is known."""
    tasks = Piece(str(runtime.alive_runs), "moves" if runtime.alive_runs else "faint")
    cells = {"tasks": tasks, "disk": Piece("– ", "faint")}
    gpus = runtime.info.gpus if runtime.info else ()
    metrics = runtime.metrics
    if metrics is None or runtime.state is not HostState.ACTIVE:
        if gpus:
            cells["free"] = Piece(f"–/{len(gpus)}", "quiet")
        return cells
    cells["cpu"] = share_piece(metrics.cpu)
    cells["mem"] = share_piece(metrics.memory_share)
    cells["disk"] = disk_piece(metrics.disk_share)
    cells["load"] = Piece(f"{metrics.load1:.1f}")
    cells["in"] = Piece(size_text(round(metrics.net_in)))
    cells["out"] = Piece(size_text(round(metrics.net_out)))
    if metrics.gpus:
        cells["free"] = Piece(f"{metrics.gpus_free}/{len(metrics.gpus)}")
        cells["use"] = share_piece(sum(gpu.load for gpu in metrics.gpus) / len(metrics.gpus))
        cells["vram"] = Piece(size_text(sum(gpu.memory_used for gpu in metrics.gpus)))
    return cells
