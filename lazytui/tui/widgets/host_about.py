"""What is told of the row under the cursor: beside the table where there is room, else below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.host_cells import down_pieces, fold_pieces, wait_pieces
from lazytui.tui.widgets.host_details import age_pieces, fact_pieces, place_pieces, run_pieces
from lazytui.tui.widgets.host_panel import HostPanel
from lazytui.tui.widgets.run_table import time_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lazytui.core.model import RunRecord
    from lazytui.tui.context import Clock, RuntimeView
    from lazytui.tui.widgets.host_order import Fold

ROOMY_CELLS = 100  # from here on there is room beside the table, as in the style sheet


class HostAbout:
    """The two places where a host is told of. Which of them is seen, the style sheet says.

    Args:
        clock: the two clocks.
    """

    def __init__(self, clock: Clock) -> None:
        self.panel = HostPanel(id="host-panel", classes="panel")
        self.details = Bar(id="details", classes="ruled")
        self._clock = clock
        self._beside = False

    def resized(self, cells: int) -> None:
        """Hear of the width of the terminal."""
        self._beside = cells >= ROOMY_CELLS

    def show_nothing(self) -> None:
        """Tell of no host."""
        self.details.add_class("-empty")
        self.panel.show(None, 0.0, ())

    def show(self, runtime: RuntimeView, last: RunRecord | None) -> None:
        """Tell of a host and of the last run on it."""
        self.details.remove_class("-empty")
        now = self._clock.monotonic()
        run = run_pieces(last, time_text(last, self._clock.epoch())) if last else []
        if self._beside:
            self.panel.show(runtime, now, run)
        else:
            age = age_pieces(runtime, now)
            self.details.show((fact_pieces(runtime), age), (place_pieces(runtime), run))

    def show_several(self, shared: Fold, names: str, runtimes: Mapping[str, RuntimeView]) -> None:
        """Tell of hosts that share a row.

        Args:
            shared: the row.
            names: its hosts, sanitized.
            runtimes: all hosts there are.
        """
        self.details.remove_class("-empty")
        waits = (runtimes[host].next_try_s() for host in shared.hosts if host in runtimes)
        soonest = min((wait for wait in waits if wait is not None), default=None)
        count = f"{len(shared.hosts)} hosts"
        if self._beside:
            reason = [Piece(shared.reason, "attention")]
            self.panel.show_several(
                count, down_pieces(), reason, [Piece(names)], wait_pieces(soonest)
            )
        else:
            why = fold_pieces(shared.reason, soonest)
            head = ([Piece(names, bold=True)], [Piece(count, "quiet")])
            self.details.show(head, (why, ()))
