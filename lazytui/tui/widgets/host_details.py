"""What the two rows below the table say about the current host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.model import HostState
from lazytui.text import age_text, sanitize, size_text
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.host_cells import reason_pieces
from lazytui.tui.widgets.run_table import result_piece, state_pieces

if TYPE_CHECKING:
    from lazytui.core.model import RunRecord
    from lazytui.tui.context import EngineView, RuntimeView

FILES_NAMED = 3


def fact_pieces(runtime: RuntimeView) -> list[Piece]:
    """Say what a host is, or why it cannot be used."""
    name = Piece(sanitize(runtime.host), bold=True)
    info = runtime.info
    if runtime.state not in (HostState.ACTIVE, HostState.STALE) or info is None:
        return [name, Piece("   "), *reason_pieces(runtime)]
    facts = [f"{info.cpu_cores} cores", size_text(info.memory)]
    if info.gpus:
        kinds = dict.fromkeys(info.gpus)
        facts += [f"{info.gpus.count(kind)}×{sanitize(kind)}" for kind in kinds]
    facts += [sanitize(info.os), f"Python {sanitize(info.python_version)}"]
    if runtime.state is HostState.STALE and runtime.reason:
        return [name, Piece("   "), Piece(sanitize(runtime.reason), "attention")]
    return [name, Piece("   "), *_dotted(facts)]


def place_pieces(runtime: RuntimeView) -> list[Piece]:
    """Say where a host is: address, latency, and line in the ssh config."""
    facts = [sanitize(runtime.address)] if runtime.address else []
    if runtime.latency_ms is not None and runtime.state is HostState.ACTIVE:
        facts.append(f"{runtime.latency_ms:.0f} ms")
    if runtime.entry:
        facts.append(f"{sanitize(runtime.entry.path)}:{runtime.entry.line}")
    return _dotted(facts)


def age_pieces(runtime: RuntimeView, now: float) -> list[Piece]:
    """Say for how long a host has been gone; nothing of one that is there.

    Args:
        runtime: the host.
        now: the monotonic time in seconds.
    """
    if runtime.state not in (HostState.STALE, HostState.INACTIVE):
        return []
    return [Piece(f"for {age_text(max(0.0, now - runtime.since))}", "quiet")]


def run_pieces(record: RunRecord, time: str) -> list[Piece]:
    """Say the last run of a host: state, name, how it ended, and for how long it ran."""
    result = result_piece(record)
    return [
        *state_pieces(record)[:1],
        Piece(sanitize(record.name, max_chars=32)),
        *([Piece(f"  {result.text}", result.role)] if record.state.is_final else []),
        Piece(f"  {time}" if time else "", "quiet"),
    ]


def empty_pieces(engine: EngineView) -> list[Piece]:
    """Say that there are no hosts, what was read to find that out, and what to do about it."""
    files = [sanitize(str(file[0])) for file in engine.config.files]
    patterns = [sanitize(pattern) for pattern in engine.config.skipped_patterns]
    pieces = [
        Piece("No hosts yet\n\n", bold=True),
        Piece("There is no host in ", "quiet"),
        Piece(sanitize(engine.config_path)),
        Piece(".\n", "quiet"),
    ]
    if files:
        more = f" and {len(files) - FILES_NAMED} more" if len(files) > FILES_NAMED else ""
        named = ", ".join(files[:FILES_NAMED]) + more
        pieces += [Piece("Read: ", "quiet"), Piece(named), Piece("\n")]
    if patterns:
        more = ", …" if len(patterns) > FILES_NAMED else ""
        count = "1 pattern" if len(patterns) == 1 else f"{len(patterns)} patterns"
        named = ", ".join(patterns[:FILES_NAMED]) + more
        pieces += [Piece(f"{count} skipped: ", "quiet"), Piece(f"{named}\n")]
    return [
        *pieces,
        Piece("\na", "keys"),
        Piece("                 adds one; or write this, it is taken up at once:\n\n", "quiet"),
        Piece("    Host gpu01\n        HostName 10.0.0.4\n        User root\n\n"),
        Piece("lazytui -F FILE", "keys"),
        Piece("   another ssh config\n", "quiet"),
        Piece("lazytui demo", "keys"),
        Piece("      pretend hosts, without a network", "quiet"),
    ]


def _dotted(facts: list[str]) -> list[Piece]:
    return [Piece(" · ".join(facts), "quiet")]
