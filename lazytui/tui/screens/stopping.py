"""Stopping runs, as every screen that shows some does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.text import sanitize
from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.screens.confirm import confirm
from lazytui.tui.screens.stop_menu import SIGNALS, StopMenu, named, what_and_where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.model import RunRecord


class Stopping(EngineScreen):
    """A screen from which runs are stopped."""

    def ask_to_stop(self, *runs: RunRecord) -> None:
        """Ask for a signal and send it to runs; those that have ended are left alone."""
        alive = [run for run in runs if not run.state.is_final]
        if not alive:
            return

        def decided(choice: str | None) -> None:
            if choice is not None:
                signal, _ = SIGNALS[choice]
                self.intend(self._stop(alive, signal), "stop")

        told = [self.engine.runs.next_signal(run) for run in alive].count("KILL")
        self.open(StopMenu(alive, told), decided)

    def ask_to_kill(self, *runs: RunRecord) -> None:
        """Ask whether it is meant, then kill runs."""
        alive = [run for run in runs if not run.state.is_final]
        if not alive:
            return
        confirm(
            self,
            f"Kill {named(alive)} now?",
            [*what_and_where(alive), "KILL ends at once; nothing is cleaned up."],
            "kill",
            len(alive),
            lambda: self.intend(self._stop(alive, "KILL"), "kill"),
        )

    async def _stop(self, runs: Sequence[RunRecord], signal: str) -> None:
        """Send a signal, and say what came of it."""
        report = await self.engine.stop_runs([run.run_id for run in runs], signal)
        self.app.notify(
            sanitize(report.text, max_chars=500),
            severity="warning" if report.troubles else "information",
            markup=False,
        )
