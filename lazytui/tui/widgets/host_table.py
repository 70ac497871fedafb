"""The table of hosts: who is there, how loaded, and why not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from lazytui.core.model import HostState
from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.theme import load_role
from lazytui.tui.widgets.cells import Piece, fit, place, spark
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.host_cells import (
    NOTHING,
    asking_word,
    down_pieces,
    fold_pieces,
    metric_cells,
    reason_pieces,
    state_piece,
)
from lazytui.tui.widgets.host_order import SORTS, Fold, Sort, fold_key, folded, in_order, signature
from lazytui.tui.widgets.line_table import GAP, LineTable, joined, tail_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from lazytui.tui.context import Clock, RuntimeView

# Cells of the name: squeezed at worst, for several hosts in one row, and before it is cut.
NAME_LEAST, NAME_FOLD, NAME_MOST = 8, 16, 40

METRIC_COLUMNS = (
    Column("spark", "cpu", 5, drop=4, grow_to=16),
    Column("cpu", "", 4, right=True, drop=1),
    Column("mem", "mem", 4, right=True, drop=2),
    Column("free", "gpu free", 8, right=True, drop=3),
    Column("use", "use", 4, right=True, drop=8),
    Column("vram", "vram", 5, right=True, drop=7),
    Column("disk", "disk ", 5, right=True, drop=6),
    Column("load", "load", 5, right=True, drop=9),
    Column("in", "↓ net", 6, right=True, drop=10),
    Column("out", "↑ net", 6, right=True, drop=10),
    Column("tasks", "tasks", 5, right=True, drop=5),
)


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """What may be hidden as one: its letter in the menu, its words, and its columns."""

    key: str
    text: str
    columns: tuple[str, ...]


# In the order in which they keep their place when there is not room for all.
COLUMN_CHOICES: dict[str, ColumnChoice] = {
    "cpu": ColumnChoice("c", "cpu", ("cpu",)),
    "mem": ColumnChoice("m", "memory", ("mem",)),
    "gpu": ColumnChoice("g", "gpus free, of all", ("free",)),
    "history": ColumnChoice("h", "cpu of the last minutes", ("spark",)),
    "tasks": ColumnChoice("t", "tasks that run there", ("tasks",)),
    "disk": ColumnChoice("d", "disk", ("disk",)),
    "vram": ColumnChoice("v", "memory of the gpus", ("vram",)),
    "use": ColumnChoice("u", "use of the gpus", ("use",)),
    "load": ColumnChoice("l", "load average", ("load",)),
    "net": ColumnChoice("n", "network, in and out", ("in", "out")),
}


class HostTable(LineTable):
    """One row a host, as in the ssh config or sorted, all of them or those of a filter.

    A host that cannot be used shows its reason over the columns where others show metrics. Hosts
    that are inactive for the same reason share a row, which may be opened.
    """

    def __init__(self, runtimes: Mapping[str, RuntimeView], clock: Clock, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._runtimes = runtimes
        self._clock = clock
        self._sort = Sort()
        self._hidden: AbstractSet[str] = frozenset()
        self._hosts: Sequence[str] = ()
        self._folds: dict[str, Fold] = {}
        self._gone: dict[str, str] = {}  # rows for several hosts that went, and their first host
        self._opened: set[str] = set()
        self._filtered = False
        self._signatures: dict[str, tuple[object, ...]] = {}
        self._names: dict[tuple[str, ...], str] = {}  # folding names takes a millisecond

    # Which rows there are

    @property
    def hosts(self) -> Sequence[str]:
        """The hosts that have a row or share one, in order."""
        return self._hosts

    @property
    def sort(self) -> Sort:
        """The order of the rows."""
        return self._sort

    @property
    def targets(self) -> Sequence[str]:
        """The hosts of the row under the cursor."""
        return self.members(self.current) if self.current is not None else ()

    @property
    def current_fold(self) -> Fold | None:
        """What the row under the cursor stands for, when it is for several hosts."""
        return self._folds.get(self.current) if self.current is not None else None

    def moved(self, hosts: Iterable[str]) -> bool:
        """Tell whether one of these hosts may belong elsewhere since it was last asked."""
        moved = False
        for host in hosts:
            runtime = self._runtimes.get(host)
            now = signature(runtime) if runtime else ()
            if self._signatures.get(host) != now:
                self._signatures[host] = now
                moved = True
        return moved

    def show_hosts(
        self, runtimes: Mapping[str, RuntimeView], hosts: Sequence[str], *, filtered: bool
    ) -> None:
        """Show these hosts.

        Args:
            runtimes: all hosts there are.
            hosts: in the order of the ssh config.
            filtered: somebody looks for something: nothing that was found is folded away.
        """
        self._runtimes = runtimes
        self._filtered = filtered
        self._hosts = in_order(self._runtimes, hosts, self._sort)
        before = self._folds
        if filtered:
            rows: Sequence[str] = self._hosts
            self._folds = {}
        else:
            rows, self._folds = folded(self._runtimes, self._hosts, self._opened)
        self._gone = {key: old.hosts[0] for key, old in before.items() if key not in self._folds}
        self.set_keys(rows)
        self._names = {
            shared.hosts: self._names[shared.hosts]
            for shared in self._folds.values()
            if shared.hosts in self._names
        }
        self.refresh()  # the same rows may stand for other hosts

    def sort_by(self, sort: Sort) -> None:
        """Sort the rows from now on; the hosts must be arranged again."""
        self._sort = sort
        self._layout_width = -1
        self.refresh()

    @property
    def hidden(self) -> AbstractSet[str]:
        """The names in :data:`COLUMN_CHOICES` of what is not shown."""
        return self._hidden

    def hide(self, names: AbstractSet[str]) -> None:
        """Show all columns but these, where there is room for them."""
        self._hidden = names & COLUMN_CHOICES.keys()
        self._layout_width = -1
        self.refresh()

    def toggle_fold(self, key: str) -> None:
        """Open a row for several hosts, or close it."""
        self._opened ^= {key}
        self.show_hosts(self._runtimes, self._in_config(), filtered=self._filtered)

    def is_open(self, key: str) -> bool:
        """Tell whether the hosts of a row are shown below it."""
        return key in self._opened

    def fold_of(self, host: str) -> Fold | None:
        """Give the row that a host shares, open or not."""
        runtime = self._runtimes.get(host)
        return self._folds.get(fold_key(runtime)) if runtime else None

    def toggle_all_folds(self) -> None:
        """Open all rows for several hosts; when all are open, close them."""
        self._opened = set() if self._folds.keys() <= self._opened else set(self._folds)
        self.show_hosts(self._runtimes, self._in_config(), filtered=self._filtered)

    def _in_config(self) -> list[str]:
        shown = set(self._hosts)
        return [host for host in self._runtimes if host in shown]

    def folds_changed(self) -> None:
        """Draw the rows for several hosts again: their wait went on."""
        self.rows_changed(self._folds)

    def names_of(self, shared: Fold) -> str:
        """Give the hosts of a row as a node set, sanitized."""
        names = self._names.get(shared.hosts)
        if names is None:
            names = self._names[shared.hosts] = sanitize(fold(shared.hosts))
        return names

    @property
    def has_folds(self) -> bool:
        """Some row is for several hosts."""
        return bool(self._folds)

    def members(self, key: str) -> Sequence[str]:
        """Give the hosts of a row."""
        shared = self._folds.get(key)
        return shared.hosts if shared else (key,)

    def markable(self) -> Iterable[str]:
        """Give all hosts: a mark stays when a filter hides its host."""
        return self._runtimes

    def stand_in(self, key: str) -> str | None:
        """Give the row that took a host in, or the first host of a row that is no more."""
        shared = self.fold_of(key)
        return shared.key if shared else self._gone.get(key)

    # How they look

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give the name what it needs, within limits; metrics go before it is cut too short."""
        longest = max((cell_len(sanitize(key)) for key in self._hosts), default=0)
        shared = max((cell_len(self.names_of(f)) + 2 for f in self._folds.values()), default=0)
        name = max(NAME_LEAST, min(longest, 16 if cells < 96 else 24), min(shared, NAME_FOLD))
        hidden = {column for choice in self._hidden for column in COLUMN_CHOICES[choice].columns}
        columns = (
            Column("host", "host", name, grow_to=max(name, min(longest, NAME_MOST))),
            Column("state", "state", 12),
            *(column for column in METRIC_COLUMNS if column.id not in hidden),
        )
        chosen = fit_columns(columns, cells, GAP)
        if not any(column.id == "spark" for column in chosen):
            # The heading stands over the bars; without them it stands over the number.
            chosen = tuple(replace(c, title="cpu") if c.id == "cpu" else c for c in chosen)
        return self._with_arrow(chosen)

    def _with_arrow(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        way = SORTS[self._sort.by]
        shown = [column.id for column in columns]
        place = next((name for name in way.columns if name in shown), None)
        if place is None:
            return columns
        arrow = "▼" if way.most_first != self._sort.reverse else "▲"
        return tuple(
            replace(c, arrow=arrow if c.right else f" {arrow}") if c.id == place else c
            for c in columns
        )

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of one row."""
        if not columns:
            return ()
        shared = self._folds.get(key)
        if shared:
            return self._fold_row(shared, columns)
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

    def _fold_row(self, shared: Fold, columns: Sequence[Column]) -> Iterable[Piece]:
        names = self.names_of(shared)
        sign = " ▾" if shared.key in self._opened else " ▸"
        if cell_len(names) + len(sign) > columns[0].width:
            sign = f" {len(shared.hosts)}{sign}"
            names = fit(names, max(0, columns[0].width - len(sign)))
        name = [Piece(names, "quiet"), Piece(sign, "moves")]
        cells = [place(name, columns[0].width)]
        if len(columns) > 1:
            cells.append(place(down_pieces(), columns[1].width))
        rest = columns[2:]
        if rest:
            waits = (self._runtimes[host].next_try_s() for host in shared.hosts)
            soonest = min((wait for wait in waits if wait is not None), default=None)
            cells.append(place(fold_pieces(shared.reason, soonest), tail_cells(rest)))
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
    "auth": "attention",
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
        return asking_word(runtime.question)
    return {
        HostState.ACTIVE: "up",
        HostState.STALE: "stale",
        HostState.INACTIVE: "down",
    }.get(runtime.state, "connecting")
