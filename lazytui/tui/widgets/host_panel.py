"""All that is known of one host, beside the table: what it is, and its recent load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from lazytui.core.model import HostState
from lazytui.text import percent, sanitize, size_text
from lazytui.tui.theme import load_role
from lazytui.tui.widgets.cells import Piece, Row, content_of, place, spark, width_of
from lazytui.tui.widgets.host_cells import disk_piece, state_piece, wait_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.model import GpuMetrics, Metrics
    from lazytui.tui.context import RuntimeView

LABEL = 5  # cells of the names of the measures
VALUE = 16  # cells of their values
MOST_BARS = 30


def meter_rows(runtime: RuntimeView, cells: int) -> list[Row]:
    """Draw the recent load of a host: one row a measure, its bars and its present value.

    Args:
        runtime: the host.
        cells: the width of a row.
    """
    metrics = runtime.metrics
    if metrics is None or runtime.state is not HostState.ACTIVE:
        return []
    bars = max(0, min(MOST_BARS, cells - LABEL - VALUE - 2))
    rows = [
        _meter("cpu", _bars(runtime, "cpu", bars), metrics.cpu, [_load(metrics)], cells),
        _meter(
            "mem",
            _bars(runtime, "mem", bars),
            metrics.memory_share,
            [_of(metrics.memory_used, metrics.memory_total)],
            cells,
        ),
        _meter(
            "disk",
            _bars(runtime, "disk", bars),
            metrics.disk_share,
            [_of(metrics.disk_used, metrics.disk_total)],
            cells,
        ),
        _net_row(runtime, metrics, bars, cells),
    ]
    for number, gpu in enumerate(metrics.gpus):
        label = f"gpu{number}"
        rows.append(_meter(label, _bars(runtime, label, bars), gpu.load, [_memory(gpu)], cells))
    return rows


def _bars(runtime: RuntimeView, measure: str, cells: int) -> str:
    return spark(runtime.series.of(measure), cells) if cells else ""


def _meter(label: str, bars: str, share: float, more: Sequence[Piece], cells: int) -> Row:
    value = disk_piece(share) if label == "disk" else Piece(f"{percent(share)} ", load_role(share))
    row = [
        Piece(label.ljust(LABEL), "quiet"),
        Piece(bars, load_role(share)),
        *place([value], 6, right=True),
        Piece(" "),
        *more,
    ]
    return place(row, cells)


def _net_row(runtime: RuntimeView, metrics: Metrics, bars: int, cells: int) -> Row:
    rates = runtime.series.of("net")
    most = max(rates, default=0.0) or 1.0
    row = [
        Piece("net".ljust(LABEL), "quiet"),
        Piece(spark([rate / most for rate in rates], bars) if bars else "", "moves"),
        Piece("  ↓", "quiet"),
        Piece(f"{size_text(metrics.net_in):<6}"),
        Piece("↑", "quiet"),
        Piece(size_text(metrics.net_out)),
    ]
    return place(row, cells)


def _load(metrics: Metrics) -> Piece:
    return Piece(f"load {metrics.load1:.1f}", "quiet")


def _of(used: int, total: int) -> Piece:
    return Piece(f"{size_text(used)}/{size_text(total)}", "quiet")


def _memory(gpu: GpuMetrics) -> Piece:
    return _of(gpu.memory_used, gpu.memory_total)


def fact_rows(runtime: RuntimeView, cells: int) -> list[Row]:
    """Say what a host is: hardware, system, where it is and the way there."""
    info = runtime.info
    facts: list[tuple[str, str]] = []
    if info is not None:
        facts.append(("has", f"{info.cpu_cores} cores · {size_text(info.memory)}"))
        kinds = dict.fromkeys(info.gpus)
        facts += [("", f"{info.gpus.count(kind)}×{sanitize(kind)}") for kind in kinds]
        facts.append(("runs", sanitize(info.os)))
        facts.append(("", f"Python {sanitize(info.python_version)}"))
    facts.append(("at", sanitize(runtime.address)))
    if runtime.jumps:
        facts.append(("via", " › ".join(map(sanitize, runtime.jumps))))
    if runtime.entry:
        facts.append(("in", f"{sanitize(runtime.entry.path)}:{runtime.entry.line}"))
    if tags := runtime.tags():
        facts.append(("tags", " ".join(map(sanitize, tags))))
    return [
        place([Piece(label.ljust(LABEL), "quiet"), Piece(text)], cells)
        for label, text in facts
        if text
    ]


def wrapped(text: str, cells: int, role: str = "plain") -> list[Row]:
    """Break a text into rows at its blanks, a node set at its commas; a longer word is cut."""
    rows: list[Row] = []
    line = ""
    for word in text.replace(",", ", ").split():
        longer = f"{line} {word}" if line else word
        if line and width_of([Piece(longer)]) > cells:
            rows.append([Piece(line, role)])
            line = word
        else:
            line = longer
    return [place(row, cells) for row in [*rows, [Piece(line, role)]]] if line else rows


def _broken(pieces: Row, cells: int) -> list[Row]:
    """Break a text in one role into rows; one of several pieces is a row."""
    if len(pieces) == 1:
        return wrapped(pieces[0].text, cells, pieces[0].role)
    return [place(pieces, cells)]


class HostPanel(Widget):
    """Tells of the host under the cursor; for a row of several hosts, of all of them."""

    def __init__(self, *, id: str, classes: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id, classes=classes)
        self._runtime: RuntimeView | None = None
        self._now = 0.0
        self._last: Sequence[Piece] = ()
        self._several: Sequence[Row] = ()
        self._name = ""
        self._shown: Sequence[Row] = ()

    def show(self, runtime: RuntimeView | None, now: float, last: Sequence[Piece]) -> None:
        """Show a host.

        Args:
            runtime: the host; None for nothing.
            now: the monotonic time in seconds.
            last: what to say of its last run.
        """
        self._runtime, self._now, self._last, self._several = runtime, now, last, ()
        self._title(sanitize(runtime.host) if runtime else "")
        self._draw()

    def show_several(self, title: str, *paragraphs: Sequence[Piece]) -> None:
        """Show what several hosts have in common; everything sanitized."""
        self._several = [list(paragraph) for paragraph in paragraphs]
        self._title(title)
        self._draw()

    def _title(self, name: str) -> None:
        if name != self._name:
            self._name = name
            self.border_title = content_of([Piece(name, bold=True)])

    def _draw(self) -> None:
        """Draw again what is different: through a slow line, the same again costs as much."""
        rows = list(self._rows(self.content_size.width))
        if rows != self._shown:
            self._shown = rows
            self.refresh()

    def render(self) -> Content:
        """Lay the rows out at the present width."""
        self._shown = list(self._rows(self.content_size.width))
        return Content("\n").join(map(content_of, self._shown))

    def _rows(self, cells: int) -> Iterable[Row]:
        if self._several:
            return [row for pieces in self._several for row in [*_broken(pieces, cells), []]]
        runtime = self._runtime
        if runtime is None:
            return []
        rows = [place(self._state(runtime), cells), []]
        if runtime.state is not HostState.ACTIVE or runtime.question is not None:
            question = runtime.question
            told = question.summary if question and question.fields else runtime.reason
            rows += [*wrapped(sanitize(told), cells, "attention"), []]
        if runtime.state is HostState.INACTIVE and runtime.question is None:
            rows += [place(wait_pieces(runtime.next_try_s()), cells), []]
        meters = meter_rows(runtime, cells)
        rows += [*meters, []] if meters else []
        rows += fact_rows(runtime, cells)
        if self._last:
            rows += [[], place(self._last, cells)]
        return rows

    def _state(self, runtime: RuntimeView) -> Row:
        row = [*state_piece(runtime, self._now)]
        if runtime.latency_ms is not None and runtime.state is HostState.ACTIVE:
            row.append(Piece(f"  {runtime.latency_ms:.0f} ms", "quiet"))
        return row
