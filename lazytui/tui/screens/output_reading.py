"""Reading the output of a run: how the text is shown, its steps, and moving in it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.errors import LazytuiError
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.stopping import Stopping
from lazytui.tui.screens.text_screen import TextScreen
from lazytui.tui.widgets.log_draw import Times
from lazytui.tui.widgets.run_table import STATES
from lazytui.tui.widgets.step_log import StepLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.model import RunRecord
    from lazytui.core.run_steps import RunStep
    from lazytui.tui.context import Context

_STEP_KEYS = "123456789abcdefghijklmnopqrstuvwxyz"
_STEP_ACTIONS = ("step_toggle", "step_next", "step_prev", "fold_all", "steps")


class OutputReading(TextScreen, Stopping):
    """A screen with the text of one run, in its steps where it has several.

    Args:
        context: of the app.
        run_id: the run.
    """

    def __init__(self, context: Context, run_id: str) -> None:
        self.run_id = run_id
        self._record = context.engine.runs.get(run_id)
        self.log_view: StepLog
        super().__init__(context, StepLog(self._spool, context.clock, id="log"))

    @property
    def record(self) -> RunRecord:
        """The run as the engine knows it now; as it was, once the engine keeps it no longer."""
        with suppress(KeyError):  # a thousand runs have ended since
            self._record = self.engine.runs.get(self.run_id)
        return self._record

    @property
    def _spool(self) -> Path | None:
        return Path(self._record.spool) if self._record.spool else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of steps work where there are some."""
        if action in _STEP_ACTIONS and not self.log_view.steps:
            return False
        return super().check_action(action, parameters)

    # --- how the text is shown ---------------------------------------------------------------

    def action_timestamps(self) -> None:
        """Show the time of day, the time since the start, or no times."""
        ways = list(Times)
        self.log_view.times = ways[(ways.index(self.log_view.times) + 1) % len(ways)]
        self._show_status()

    def action_progress(self) -> None:
        """Show every state of a progress bar, or only the latest."""
        self.log_view.raw = not self.log_view.raw
        self._show_status()

    def action_mark_line(self) -> None:
        """Draw a line under what is there now."""
        self.log_view.mark(self.clock.epoch())

    # --- the steps ---------------------------------------------------------------------------

    def tick(self) -> None:
        """Let the time of a step go on."""
        super().tick()
        self.log_view.refresh_times()

    def read_steps(self) -> None:
        """Ask how the steps of the run stand, and show that."""
        work: Callable[[], object] = partial(self._read_steps, self.run_id)
        self.run_worker(work, group="steps", exclusive=True, exit_on_error=False)

    async def _read_steps(self, run_id: str) -> None:
        with suppress(LazytuiError):  # it was forgotten; its text may still be there
            steps = await self.engine.run_steps(run_id)
            if self.is_mounted and run_id == self.run_id:
                self.log_view.show_steps(steps)
                self._show_status()
                self.show_keys()

    def action_step_toggle(self) -> None:
        """Fold the step that the cursor is in, or open it."""
        self.log_view.toggle_step()

    def action_fold_all(self) -> None:
        """Fold all steps, or open all of them."""
        self.log_view.toggle_all()

    def action_step_next(self) -> None:
        """Go to the heading of the next step."""
        self.log_view.go_on(1)

    def action_step_prev(self) -> None:
        """Go to the heading of this step, or of the one before."""
        self.log_view.go_on(-1)

    def action_steps(self) -> None:
        """Ask for a step, and go to its output."""
        steps = self.log_view.steps[: len(_STEP_KEYS)]
        if not steps:
            return
        choices = [
            (_STEP_KEYS[at], f"{_sign(step)}  {step.title}") for at, step in enumerate(steps)
        ]
        current = self.log_view.current
        here = current.step.number if current is not None else 0

        def chosen(key: str | None) -> None:
            if key is not None:
                self.log_view.go_to_step(_STEP_KEYS.index(key))

        self.open(
            ChoiceScreen("Go to the output of", (), choices, start=min(here, len(choices) - 1)),
            chosen,
        )

    def action_text_left(self) -> None:
        """What is further left; at the left edge, fold the step."""
        if self.log_view.scroll_offset.x or not self.log_view.fold_step():
            self.log_view.action_scroll_left()

    def action_text_right(self) -> None:
        """Open the step if it is folded; else what is further right."""
        if not self.log_view.open_step():
            self.log_view.action_scroll_right()


def _sign(step: RunStep) -> str:
    """Say how a step went: ``✓``, ``▸``, ``✗``; a blank for one that was not begun."""
    return STATES[step.state][0] if step.state is not None else " "
