"""The table of hosts: who is there, how loaded, and why not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from lazytui.core.model import HostState
from lazytui.text import age_text, sanitize, size_text
from lazytui.tui.theme import load_role
from lazytui.tui.widgets.cells import Piece, place, share_piece, spark
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined, tail_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lazytui.tui.context import Clock, RuntimeView

# Cells of the name: squeezed at worst, with room around it, and before it is cut.
NAME_LEAST, NAME_AIRY, NAME_MOST = 8, 14, 40
NOTHING = Piece("–", "faint")

METRIC_COLUMNS = (
    Column("spark", "cpu", 8, drop=4, grow_to=16),
    Column("cpu", "", 4, right=True, drop=1),
    Column("mem", "mem", 4, right=True, drop=2),
    Column("free", "gpu free", 8, right=True, drop=3),
    Column("use", "use", 4, right=True, drop=8),
    Column("vram", "vram", 5, right=True, drop=7),
    Column("disk", "disk", 4, right=True, drop=6),
    Column("load", "load", 5, right=True, drop=9),
    Column("in", "↓ net", 6, right=True, drop=10),
    Column("out", "↑ net", 6, right=True, drop=10),
    Column("tasks", "tasks", 5, right=True, drop=5),
)


def state_piece(runtime: RuntimeView, now: float) -> list[Piece]:
    """Say the state of a host: a symbol and a word, for stale ones its age.

    Args:
        runtime: the host.
        now: the monotonic time in seconds.
    """
    if runtime.question is not None:
        return [Piece("◆ ", "attention"), Piece("asks")]
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
            return [Piece("○ ", "broken"), Piece("down", "quiet")]


def reason_pieces(runtime: RuntimeView) -> list[Piece]:
    """Say why a host is not usable and what comes next, with the key that helps."""
    reason = sanitize(runtime.reason)
    if runtime.question is not None:
        return [Piece(reason or "asks a question", "quiet"), *_key_hint("Q", "answer")]
    if runtime.state is not HostState.INACTIVE:
        return [Piece(reason, "quiet")]
    next_try = runtime.next_try_s()
    if next_try is None:
        return [Piece(reason, "quiet"), *_key_hint("R", "try again")]
    wait = f" · next try in {max(0, round(next_try))} s"
    return [Piece(reason, "quiet"), Piece(wait, "quiet"), *_key_hint("R", "now")]


def _key_hint(key: str, text: str) -> list[Piece]:
    return [Piece("  "), Piece(key, "keys"), Piece(f" {text}", "quiet")]


def metric_cells(runtime: RuntimeView) -> dict[str, Piece]:
    """Give what each metric column shows of a host; a missing one shows nothing is known."""
    tasks = Piece(str(runtime.alive_runs), "moves" if runtime.alive_runs else "faint")
    cells = {"tasks": tasks}
    gpus = runtime.info.gpus if runtime.info else ()
    metrics = runtime.metrics
    if metrics is None or runtime.state is not HostState.ACTIVE:
        if gpus:
            cells["free"] = Piece(f"–/{len(gpus)}", "quiet")
        return cells
    cells["cpu"] = share_piece(metrics.cpu)
    cells["mem"] = share_piece(metrics.memory_share)
    cells["disk"] = share_piece(metrics.disk_share)
    cells["load"] = Piece(f"{metrics.load1:.1f}")
    cells["in"] = Piece(size_text(round(metrics.net_in)))
    cells["out"] = Piece(size_text(round(metrics.net_out)))
    if metrics.gpus:
        cells["free"] = Piece(f"{metrics.gpus_free}/{len(metrics.gpus)}")
        cells["use"] = share_piece(sum(gpu.load for gpu in metrics.gpus) / len(metrics.gpus))
        cells["vram"] = Piece(size_text(sum(gpu.memory_used for gpu in metrics.gpus)))
    return cells


class HostTable(LineTable):
    """One row a host, in the order of the ssh config.

    A host that cannot be used shows its reason over the columns where others show metrics.
    """

    def __init__(self, runtimes: Mapping[str, RuntimeView], clock: Clock, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._runtimes = runtimes
        self._clock = clock

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give the name what it needs, within limits; metrics go before it is cut too short."""
        longest = max((cell_len(sanitize(key)) for key in self.keys), default=0)
        name = max(NAME_LEAST, min(longest, 16 if cells < 96 else 24))
        columns = (
            Column("host", "host", name, grow_to=max(NAME_AIRY, min(longest, NAME_MOST))),
            Column("state", "state", 12),
            *METRIC_COLUMNS,
        )
        chosen = fit_columns(columns, cells, GAP)
        if any(column.id == "spark" for column in chosen):
            return chosen
        # The heading stands over the bars; without them it stands over the number.
        return tuple(replace(c, title="cpu") if c.id == "cpu" else c for c in chosen)

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of one host's row."""
        runtime = self._runtimes[key]
        usable = runtime.state in (HostState.ACTIVE, HostState.STALE) and not runtime.question
        up = runtime.state is HostState.ACTIVE and not runtime.question
        name = Piece(sanitize(key), "plain" if up or runtime.question else "quiet", bold=up)
        cells = [place([name], columns[0].width)]
        if len(columns) > 1:
            state = state_piece(runtime, self._clock.monotonic())
            cells.append(place(state, columns[1].width))
        rest = columns[2:]
        if rest and usable:
            shown = metric_cells(runtime)
            cells += [self._cell(runtime, column, shown) for column in rest]
        elif rest:
            cells.append(place(reason_pieces(runtime), tail_cells(rest)))
        return joined(cells)

    def _cell(self, runtime: RuntimeView, column: Column, shown: dict[str, Piece]) -> list[Piece]:
        if column.id == "spark":
            if "cpu" not in shown or runtime.metrics is None:
                return [Piece("·" * column.width, "faint")]
            bars = spark(runtime.cpu_history, column.width)
            return [Piece(bars, load_role(runtime.metrics.cpu))]
        return place([shown.get(column.id, NOTHING)], column.width, right=column.right)


COUNTED = {
    "up": "fine",
    "asks": "attention",
    "down": "broken",
    "stale": "attention",
    "connecting": "moves",
}


def counts(runtimes: Iterable[RuntimeView]) -> list[Piece]:
    """Count hosts by state, the most important first: ``9 up``, ``1 asks``, ``2 down``."""
    totals = Counter(map(_counted_as, runtimes))
    return [Piece(f"{totals[word]} {word}", role) for word, role in COUNTED.items() if totals[word]]


def _counted_as(runtime: RuntimeView) -> str:
    if runtime.question is not None:
        return "asks"
    return {
        HostState.ACTIVE: "up",
        HostState.STALE: "stale",
        HostState.INACTIVE: "down",
    }.get(runtime.state, "connecting")
