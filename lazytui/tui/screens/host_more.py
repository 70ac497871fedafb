"""What a wide terminal shows beside the hosts: the last tasks, and the output of the current host.

Both are to be looked at only; the keys stay with the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.widget import Widget

from lazytui.text import sanitize
from lazytui.tui.screens.base import RECORDS_SHOWN
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.log_view import LogView
from lazytui.tui.widgets.task_strip import TaskStrip

if TYPE_CHECKING:
    from lazytui.core.model import RunRecord
    from lazytui.tui.messages import Changes
    from lazytui.tui.screens.hosts import HostsScreen

NAME_CHARS = 40


class HostMore:
    """The two panels.

    Args:
        screen: whose hosts and runs they tell of.
    """

    def __init__(self, screen: HostsScreen) -> None:
        self._screen = screen
        self._run_id = ""
        self.tasks = TaskStrip(id="host-tasks")
        self.output = LogView(id="host-output", classes="panel")
        self.output.can_focus = False
        self.roomy = False  # the terminal has room for them

    def resized(self, *, roomy: bool) -> None:
        """Hear whether there is room now."""
        self.roomy = roomy
        self.tasks.set_class(roomy, "-roomy")
        if not roomy:
            self._run_id = ""
            self._share(shared=False)
        self.show_tasks()

    def show_tasks(self) -> None:
        """Show the last tasks as they are now."""
        if self.roomy:
            records = self._screen.engine.runs.records(RECORDS_SHOWN)
            self.tasks.show(records, self._screen.clock.epoch())

    def tick(self) -> None:
        """Let the times go on."""
        if self.roomy and self.tasks.alive:
            self.tasks.go_on(self._screen.clock.epoch())

    def show_changes(self, changes: Changes) -> None:
        """Follow what runs."""
        if changes.runs:
            self.show_tasks()
        if self.roomy and self._run_id in changes.output:
            self.output.grew(changes.output[self._run_id], at=self._screen.clock.epoch())

    def show_output(self, last: RunRecord | None) -> None:
        """Show the end of the output of a run; of none, leave the room to the host."""
        if not self.roomy:
            return
        run_id = last.run_id if last else ""
        if run_id == self._run_id:
            return
        self._run_id = run_id
        self._share(shared=last is not None)
        self.output.open(Path(last.spool) if last and last.spool else None)
        if last is not None:
            name = sanitize(last.name, max_chars=NAME_CHARS)
            title = [Piece("Output", bold=True), Piece(f"  {name}", "quiet")]
            self.output.border_title = content_of(title)

    def _share(self, *, shared: bool) -> None:
        """Let the host have what it needs of the column, and the output the rest."""
        if isinstance(self.output.parent, Widget):
            self.output.parent.set_class(shared, "-shared")
