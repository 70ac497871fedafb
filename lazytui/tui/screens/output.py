"""Output of one run, live from its spool."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.stopping import Stopping
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.log_view import LogView
from lazytui.tui.widgets.run_table import outcome_pieces, state_pieces, time_text

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from lazytui.core.model import RunRecord
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes


class OutputScreen(Stopping):
    """What a run wrote, with its state in the header and how it ended below.

    Follows the growth of the spool and the changes of the run.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("output", "page", "text", "global")
    BINDINGS = bindings("output", "text", "page")

    def __init__(self, context: Context, run_id: str) -> None:
        super().__init__(context)
        self.run_id = run_id
        self._record = self.engine.runs.get(run_id)
        spool = self._record.spool
        self.log_view = LogView(Path(spool) if spool else None, id="log")
        self._status = Bar(id="status", classes="ruled")

    def compose(self) -> ComposeResult:
        """Lay out header, text, status and keys."""
        yield self.header
        yield self.log_view
        yield self._status
        yield self.key_bar

    @property
    def record(self) -> RunRecord:
        """The run as the engine knows it now; as it was, once the engine has newer ones to keep."""
        with contextlib.suppress(KeyError):
            self._record = self.engine.runs.get(self.run_id)
        return self._record

    def rebuild(self) -> None:
        """Show the state of the run as it is now."""
        record, now = self.record, self.clock.epoch()
        steps = [
            Piece("Tasks › ", "quiet"),
            Piece(f"#{record.task_id} ", "quiet"),
            Piece(sanitize(record.name, max_chars=500), bold=True),
            Piece(" · ", "faint"),
            Piece(sanitize(record.host)),
        ]
        state = [*state_pieces(record), Piece(f"  {time_text(record, now)}", "quiet")]
        self.header.way(steps, state)
        following = self.log_view.follow
        follow = Piece(
            "following" if following else "not following", "moves" if following else "quiet"
        )
        outcome = (
            outcome_pieces(record, now)
            if record.state.is_final
            else [Piece(sanitize(record.reason), "attention")]
        )
        self._status.show((outcome, [follow]))
        self.show_keys()

    def show_changes(self, changes: Changes) -> None:
        """Show new output, and a new state."""
        if self.run_id in changes.output:
            self.log_view.grew(changes.output[self.run_id])
        if self.run_id in changes.runs:
            self.rebuild()

    def on_screen_resume(self) -> None:
        """Catch up with what was written while another screen was shown."""
        super().on_screen_resume()
        spool = Path(self.record.spool)
        if spool.is_file():
            self.log_view.grew(spool.stat().st_size)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A run that has ended cannot be stopped."""
        return not self.record.state.is_final if action == "stop" else True

    def on_log_pane_follow_changed(self) -> None:
        """Say whether the text follows."""
        self.rebuild()

    def action_stop(self) -> None:
        """Ask how to stop the run."""
        self.ask_to_stop(self.record)

    def action_follow(self) -> None:
        """Stay at the end as output comes, or stop it."""
        self.log_view.action_toggle_follow()

    def action_text_down(self) -> None:
        self.log_view.action_scroll_down()

    def action_text_up(self) -> None:
        self.log_view.action_scroll_up()

    def action_text_left(self) -> None:
        self.log_view.action_scroll_left()

    def action_text_right(self) -> None:
        self.log_view.action_scroll_right()

    def action_text_top(self) -> None:
        self.log_view.action_scroll_home()

    def action_text_bottom(self) -> None:
        self.log_view.action_scroll_end()

    def action_text_page_down(self) -> None:
        self.log_view.action_page_down()

    def action_text_page_up(self) -> None:
        self.log_view.action_page_up()

    def action_back(self) -> None:
        """Go back to where the output was asked for."""
        if self.is_current:
            self.dismiss()
