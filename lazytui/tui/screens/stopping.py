"""Stopping a run, as every screen that shows one does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.screens.stop_menu import SIGNALS, StopMenu

if TYPE_CHECKING:
    from lazytui.core.model import RunRecord


class Stopping(EngineScreen):
    """A screen from which runs are stopped."""

    def ask_to_stop(self, record: RunRecord) -> None:
        """Ask for a signal and send it; a run that has ended is left alone."""
        if record.state.is_final:
            return

        def decided(choice: str | None) -> None:
            if choice is not None:
                signal, _ = SIGNALS[choice]
                self.intend(self.engine.stop_run(record.run_id, signal), "stop")

        self.open(StopMenu(record), decided)
