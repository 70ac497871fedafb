"""The table of exposures: what is reachable where, how it is, and what flows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from lazytui.text import sanitize
from lazytui.tui.widgets.cells import Piece, place
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined
from lazytui.tui.widgets.port_words import (
    STATES,
    reach_text,
    service_text,
    state_pieces,
    traffic_text,
    trouble_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lazytui.core.exposure_model import Exposure
    from lazytui.tui.context import Clock


@dataclass(frozen=True, slots=True)
class SortBy:
    """One way to sort exposures; ``column`` is the one that gets the arrow."""

    text: str
    column: str
    value: Callable[[Exposure, float], Any]


SORTS: dict[str, SortBy] = {
    "n": SortBy("oldest first", "", lambda each, _: each.id),
    "s": SortBy(
        "state: what needs you first", "state", lambda each, _: list(STATES).index(each.state)
    ),
    "m": SortBy("name", "name", lambda each, _: (not each.spec.name, each.spec.name.casefold())),
    "h": SortBy("service", "service", lambda each, _: (each.spec.source, each.spec.services[0])),
    "p": SortBy("where it is reachable", "reach", lambda each, _: reach_text(each.spec)),
    "c": SortBy("open connections", "conn", lambda each, _: -each.connections),
    "t": SortBy("traffic", "traffic", lambda _, rate: -rate),
}


def _rank(exposure: Exposure) -> int:
    return list(STATES).index(exposure.state)


class PortTable(LineTable):
    """One row an exposure, the oldest first unless it is sorted otherwise."""

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.sort = "n"
        self.reverse = False
        self._clock = clock
        self._shown: dict[str, Exposure] = {}
        self._seen: dict[str, tuple[float, int, int]] = {}
        self._rates: dict[str, tuple[float, float]] = {}

    def show(self, exposures: Sequence[Exposure]) -> None:
        """Show these exposures."""
        value = SORTS[self.sort].value
        ordered = sorted(
            exposures,
            key=lambda each: (value(each, sum(self.rates(each.id))), each.id),
            reverse=self.reverse,
        )
        self._shown = {str(each.id): each for each in ordered}
        self.set_keys(self._shown)
        self._layout_width = -1
        self.refresh()

    def sample(self) -> None:
        """Take the rates since the last call."""
        now = self._clock.monotonic()
        for key, each in self._shown.items():
            at, towards, back = self._seen.get(key, (now, each.bytes_in, each.bytes_out))
            self._seen[key] = (now, each.bytes_in, each.bytes_out)
            if now > at:
                spent = now - at
                self._rates[key] = (
                    max(0, each.bytes_in - towards) / spent,
                    max(0, each.bytes_out - back) / spent,
                )

    def rates(self, number: int) -> tuple[float, float]:
        """Give the bytes a second of an exposure, towards the service and back."""
        return self._rates.get(str(number), (0.0, 0.0))

    @property
    def current_exposure(self) -> Exposure | None:
        """The exposure under the cursor."""
        return self._shown.get(self.current or "")

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give names and places the room they need, and the reason what is left."""
        shown = self._shown.values()
        service = max((cell_len(service_text(each.spec)) for each in shown), default=0)
        reach = max((cell_len(reach_text(each.spec)) for each in shown), default=0)
        name = max((cell_len(sanitize(each.spec.name)) for each in shown), default=0)
        columns = (
            Column("name", "name", max(4, min(name, 16)), drop=3, grow_to=min(name, 32)),
            Column("state", "state", 12),
            Column("service", "service", max(7, min(service, 18)), grow_to=min(service, 40)),
            Column(
                "reach", "reachable at", max(12, min(reach, 18)), drop=1, grow_to=min(reach, 40)
            ),
            Column("conn", "conn", 4, drop=2, right=True),
            Column("traffic", "traffic/s", 13, drop=4),
            Column("auto", "auto", 4, drop=5),
            Column("trouble", "", 10, drop=6, grow_to=cells),
        )
        here, arrow = SORTS[self.sort].column, "▲" if self.reverse else "▼"
        return fit_columns(
            tuple(replace(c, arrow=arrow) if c.id == here else c for c in columns), cells, GAP
        )

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of a row."""
        each = self._shown[key]
        trouble = "attention" if each.reason else "quiet"
        cells: dict[str, Sequence[Piece]] = {
            "name": [Piece(sanitize(each.spec.name) or f"#{each.id}", bold=bool(each.spec.name))],
            "state": state_pieces(each.state),
            "service": [Piece(service_text(each.spec))],
            "reach": [Piece(reach_text(each.spec))],
            "conn": [Piece(str(each.connections), "plain" if each.connections else "faint")],
            "traffic": [Piece(traffic_text(*self.rates(each.id)), "moves")],
            "auto": [Piece("auto" if each.spec.auto else "-", "quiet")],
            "trouble": [Piece(trouble_of(each, self._clock.epoch()), trouble)],
        }
        return joined(place(cells[c.id], c.width, right=c.right) for c in columns)
