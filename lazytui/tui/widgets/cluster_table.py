"""The table of clusters: what they are, how they are, who works for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from lazytui.text import sanitize
from lazytui.tui.widgets.cells import Piece, place, width_of
from lazytui.tui.widgets.cluster_words import (
    KINDS,
    STATES,
    UNKNOWN,
    master_text,
    state_pieces,
    tasks_text,
    workers_pieces,
)
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lazytui.core.cluster_model import Cluster


@dataclass(frozen=True, slots=True)
class SortBy:
    """One way to sort clusters; ``column`` is the one that gets the arrow."""

    text: str
    column: str
    value: Callable[[Cluster], Any]


SORTS: dict[str, SortBy] = {
    "n": SortBy("oldest first", "", lambda each: 0),
    "s": SortBy(
        "state: what needs you first", "state", lambda each: list(STATES).index(each.state)
    ),
    "m": SortBy("name", "name", lambda each: each.name.casefold()),
    "k": SortBy("kind", "kind", lambda each: each.spec.kind),
    "t": SortBy("tasks", "tasks", lambda each: -(each.tasks or 0)),
}


class ClusterTable(LineTable):
    """One row a cluster, the oldest first unless it is sorted otherwise."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self.sort = "n"
        self.reverse = False
        self._shown: dict[str, Cluster] = {}

    def show(self, clusters: Sequence[Cluster]) -> None:
        """Show these clusters."""
        ordered = sorted(clusters, key=SORTS[self.sort].value)
        self._shown = {each.name: each for each in (ordered[::-1] if self.reverse else ordered)}
        self.set_keys(self._shown)
        self._layout_width = -1
        self.refresh()

    @property
    def current_cluster(self) -> Cluster | None:
        """The cluster under the cursor."""
        return self._shown.get(self.current or "")

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give names and masters the room they need."""
        shown = self._shown.values()
        name = max((cell_len(sanitize(each.name)) for each in shown), default=0)
        master = max((cell_len(master_text(each)) for each in shown), default=0)
        workers = max((width_of(workers_pieces(each)) for each in shown), default=0)
        columns = (
            Column("name", "name", max(10, min(name, 16)), grow_to=min(name, 32)),
            Column("kind", "kind", 8, drop=3),
            Column("state", "state", 10),
            Column("master", "master", max(10, min(master, 16)), drop=2, grow_to=min(master, 40)),
            Column("workers", "workers", max(7, workers), drop=1, right=True),
            Column("tasks", "tasks", 6, drop=4, right=True),
            Column("ports", "dashboard", 9, drop=5, right=True),
            Column("where", "where", 8, drop=6, grow_to=cells),
        )
        here, arrow = SORTS[self.sort].column, "▲" if self.reverse else "▼"
        return fit_columns(
            tuple(replace(c, arrow=arrow) if c.id == here else c for c in columns), cells, GAP
        )

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of a row."""
        each = self._shown[key]
        port = str(each.dashboard_port) if each.dashboard_port else UNKNOWN
        up = "plain" if each.master_port else "quiet"
        cells: dict[str, Sequence[Piece]] = {
            "name": [Piece(sanitize(each.name), bold=True)],
            "kind": [Piece(KINDS[each.spec.kind])],
            "state": state_pieces(each.state),
            "master": [Piece(master_text(each), up)],
            "workers": workers_pieces(each),
            "tasks": [Piece(tasks_text(each), "plain" if each.tasks else "quiet")],
            "ports": [Piece(port, "fine" if each.dashboard_port else "quiet")],
            "where": [Piece(sanitize(each.spec.where, max_chars=200), "people")],
        }
        return joined(place(cells[c.id], c.width, right=c.right) for c in columns)
