"""Tasks: what waits, runs and ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lazytui.core.progress import ProgressReader
from lazytui.core.task_filter import parse_task_filter
from lazytui.core.tasks import TaskList, hosts_of
from lazytui.errors import UsageError
from lazytui.text import age_text, sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.again import NAMED, ask_again, ask_all_again, ask_to_keep, edit_again
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.confirm import confirm
from lazytui.tui.screens.listing import ListScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.stopping import Stopping
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.task_table import SORTS, TaskTable, task_counts
from lazytui.tui.widgets.task_words import task_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.worker import Worker

    from lazytui.core.model import RunRecord
    from lazytui.core.tasks import TaskView
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes


NOTHING = (
    Piece("No tasks yet\n\n", bold=True),
    Piece("r", "keys"),
    Piece(" on a host runs a command there: try ", "quiet"),
    Piece("uptime"),
)
FOR_MARKED = ("rerun", "stop", "kill", "delete")
RUNS_FOLDED = 100_000  # all that an engine keeps in memory
SHOWN_CHARS = 200  # of a filter, in the status


class TasksScreen(ListScreen, Stopping):
    """The tasks, newest first, each with its runs folded, and two rows on the current one.

    Follows every change of a run; how far the running ones are it reads once a second from the end
    of their output.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("tasks", "tab", "list", "global")
    SAVED_FOR = "tasks"
    BINDINGS = bindings("tasks", "tab")
    EMPTY = NOTHING
    FILTER_HINT = "train failed host:gpu01 /regex/ !word"

    table: TaskTable

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._tasks = TaskList()
        self._progress = ProgressReader()
        self._reading: Worker[object] | None = None
        self._filter = parse_task_filter("")
        self._problem = ""
        self._failed_only = False
        self.table = TaskTable(self.clock, self._progress.of, id="runs")

    # What is seen

    def rebuild(self) -> None:
        """Show the tasks as they are now."""
        records = self.engine.runs.records(RUNS_FOLDED)
        self._tasks.reset(reversed(records))
        alive = {record.run_id: record for record in records if not record.state.is_final}
        self._progress.keep(alive)
        for run_id, record in alive.items():
            self._progress.grew(run_id, record.spool)
        groups: Callable[[], object] = self._read_groups
        self.app.run_worker(groups, name="groups", group="groups", exit_on_error=False)
        self._read_progress()
        self._show()

    def tick(self) -> None:
        """Let the times of running tasks go on, and look how far they are."""
        self.table.rows_changed(self.table.alive)
        self._read_progress()
        self._show_current()

    def show_changes(self, changes: Changes) -> None:
        """Show the tasks again of which a run changed."""
        for run_id in changes.output:
            try:
                self._progress.grew(run_id, self.engine.runs.get(run_id).spool)
            except KeyError:
                continue  # forgotten meanwhile
        if changes.runs:
            self._tasks.change(changes.runs, self.engine.runs.get)
            self._show()

    async def _read_groups(self) -> None:
        groups = await self.engine.groups()
        if self.is_mounted:
            self.table.set_groups(groups)

    def _read_progress(self) -> None:
        if self._reading is None or self._reading.is_finished:
            self._reading = self.app.run_worker(
                self._progress_read, name="progress", group="progress", exit_on_error=False
            )

    async def _progress_read(self) -> None:
        changed = await self._progress.read()
        if changed and self.is_mounted:
            tasks = {self._tasks.task_of(run_id) for run_id in changed}
            self.table.rows_changed(str(task_id) for task_id in tasks)
            self._show_current()

    def _show(self) -> None:
        everything = self._tasks.newest_first()
        shown = [task for task in everything if self._matches(task)]
        self.table.show(shown)
        self.table.note = [] if shown else _nothing(len(everything))
        self.show_table(bool(everything))
        self.header.tabs("Tasks", task_counts(everything))
        self._show_current()

    def _matches(self, task: TaskView) -> bool:
        return (not self._failed_only or task.has_trouble) and self._filter.matches(task)

    def _show_current(self) -> None:
        task = self.table.current_task
        self._details.set_class(task is None, "-empty")
        if task is not None:
            now = self.clock.epoch()
            command = [Piece(sanitize(task.command, max_chars=500), bold=True)]
            age = [Piece(f"{age_text(now - task.created)} ago", "quiet")]
            why = [Piece(sanitize(_placed(task), max_chars=200), "quiet")]
            self._details.show((command, age), (task_pieces(task, now, self._progress.of), why))
        self._show_status()

    def _show_status(self) -> None:
        shown, total = len(self.table.tasks), len(self._tasks.newest_first())
        marked = len(self.table.marked)
        right = [Piece(f"{marked} marked", "keys"), Piece("  ")] if marked else []
        if total:
            place = f"{self.table.place} of {shown}" if shown == total else f"{shown} of {total}"
            right.append(Piece(place, "quiet"))
        self._status.show((self._filtered(), right))
        problem = [Piece(self._problem, "attention")]
        self._filter_bar.show(problem if self._problem else [Piece(f"{shown} of {total}", "quiet")])
        self.show_keys()

    def _for_marked(self) -> list[Piece]:
        """Say which keys are for all that is marked."""
        pieces = [Piece("the marked: ", "quiet")]
        for key in self.keys.of("tasks"):
            if key.id in FOR_MARKED and self.can(key):
                pieces += [Piece(key.shown, "keys"), Piece(f" {key.text}  ", "quiet")]
        return [*pieces, Piece("  ")]

    def _filtered(self) -> list[Piece]:
        """Say what keeps tasks out of the list."""
        pieces: list[Piece] = []
        if self.table.marking_range:
            pieces = [Piece("v", "keys"), Piece(" ends the range", "quiet"), Piece("   ")]
        elif self.table.marked:
            pieces = self._for_marked()
        if self._failed_only:
            pieces += [Piece("failed only", "attention"), Piece("   ")]
        if self._filter.terms:
            pieces += [Piece("/ ", "keys"), Piece(sanitize(self._text, max_chars=SHOWN_CHARS))]
        return pieces

    # Keys

    @property
    def hosts_meant(self) -> list[str]:
        """The hosts of the current task."""
        task = self.table.current_task
        return hosts_of(task.runs) if task is not None else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        task = self.table.current_task
        match action:
            case "open" | "rerun" | "mark" | "edit_rerun" | "save_command":
                return task is not None
            case "stop" | "kill":
                return any(not task.is_over for task in self.table.chosen)
            case "delete":
                return any(task.is_over for task in self.table.chosen)
            case "find" | "failed" | "sort" | "sort_reverse" | "mark_range" | "mark_all":
                return self.table.display
            case _:
                return True

    def on_line_table_cursor_moved(self) -> None:
        """Tell about the task the cursor came to."""
        self._show_current()

    def on_line_table_marks_changed(self) -> None:
        """Say how many are marked."""
        self._show_status()

    def on_line_table_opened(self) -> None:
        """A double click opens the output."""
        self.action_open()

    def action_open(self) -> None:
        """Show the output of the current task."""
        task = self.table.current_task
        if task is None:
            return
        if len(task.runs) == 1:
            self.open(OutputScreen(self.context, task.runs[0].run_id))
            return
        # Only now: that screen imports this one's neighbours.
        from lazytui.tui.screens.task_output import TaskOutputScreen

        self.open(TaskOutputScreen(self.context, task.task_id))

    def action_rerun(self) -> None:
        """Ask to run the same again, there; with marks, all that is marked."""
        chosen = self.table.chosen
        if len(chosen) > 1:
            ask_all_again(self, self.context, chosen, self.table.clear_marks)
        elif chosen:
            ask_again(self, self.context, chosen[0].runs)

    def action_new(self) -> None:
        """Make a task of several steps; what was left in the editor is there again."""
        from lazytui.core.task_file import TaskDraft
        from lazytui.tui.screens.task_editor import TaskEditor

        self.open(TaskEditor(self.context, self.context.drafts.task or TaskDraft()))

    def action_edit_rerun(self) -> None:
        """Open the steps of the current task in the editor."""
        if task := self.table.current_task:
            edit_again(self, self.context, task.runs)

    def action_save_command(self) -> None:
        """Keep the command of the current task by a name."""
        if task := self.table.current_task:
            from lazytui.tui.saved import settings_path

            ask_to_keep(self, self.context, task.runs[0], settings_path(self.app))

    def action_stop(self) -> None:
        """Ask how to stop what runs of the chosen tasks."""
        self.ask_to_stop(*self._alive())

    def action_kill(self) -> None:
        """Kill what runs of the chosen tasks, after a question."""
        self.ask_to_kill(*self._alive())

    def _alive(self) -> list[RunRecord]:
        return [run for task in self.table.chosen for run in task.alive]

    def action_delete(self) -> None:
        """Forget the chosen tasks that are over, after a question."""
        over = [task for task in self.table.chosen if task.is_over]
        if not over:
            return
        what = f"#{over[0].task_id}" if len(over) == 1 else f"{len(over)} tasks"
        lines = [
            *(f"#{task.task_id} {task.name}" for task in over[:NAMED]),
            *([f"and {len(over) - NAMED} more"] if len(over) > NAMED else []),
            "Their output here goes too. Events still say who ran what.",
        ]
        if alive := len(self.table.chosen) - len(over):
            lines.append(f"{alive} of the marked tasks go on and stay.")
        forget = [task.task_id for task in over]
        confirm(
            self,
            f"Forget {what}?",
            lines,
            "forget",
            len(over),
            lambda: self.intend(self._forget(forget), "forget"),
        )

    async def _forget(self, task_ids: Sequence[int]) -> None:
        count = await self.engine.forget(task_ids)
        text = "1 task forgotten" if count == 1 else f"{count} tasks forgotten"
        self.app.notify(text, markup=False)

    def action_mark(self) -> None:
        """Mark the current task, or unmark it, and go on to the next."""
        if self.table.current_task and self.table.current:
            self.table.toggle_mark(self.table.current)
            self.table.action_cursor_down()

    def action_mark_range(self) -> None:
        """Begin to mark a range, or end it."""
        self.table.toggle_range()

    def action_mark_all(self) -> None:
        """Mark all tasks that are shown, or none."""
        self.table.mark_all()

    def action_sort(self) -> None:
        """Ask by what tasks are sorted."""

        def chosen(key: str | None) -> None:
            if key is not None:
                self.table.sort, self.table.reverse = key, False
                self._show()

        choices = [(key, way.text) for key, way in SORTS.items()]
        start = list(SORTS).index(self.table.sort)
        self.open(ChoiceScreen("Sort tasks by", (), choices, start=start), chosen)

    def action_sort_reverse(self) -> None:
        """Sort the other way round."""
        self.table.reverse = not self.table.reverse
        self._show()

    # The filter

    def set_filter(self, text: str) -> None:
        """Show only the tasks that match; a text that says nothing keeps the last filter."""
        self._text = text
        try:
            self._filter = parse_task_filter(text)
            self._problem = ""
        except UsageError as error:
            self._problem = sanitize(str(error), max_chars=SHOWN_CHARS)
        self._show()

    def action_failed(self) -> None:
        """Show only tasks of which a run failed or was lost, or all."""
        self._failed_only = not self._failed_only
        self._show()

    @property
    def kept_filter(self) -> str:
        """The last text that could be read."""
        return self._filter.text

    def clear_filter(self) -> bool:
        """Show all tasks again."""
        if not (self._filter.terms or self._failed_only):
            return False
        self._failed_only = False
        self.set_filter("")
        return True


def _placed(task: TaskView) -> str:
    """Say why a run is where it is, if there was a choice: ``chosen: 0 runs, 2 GPUs free``."""
    placed = task.runs[0].placed if len(task.runs) == 1 else ""
    return f"{task.runs[0].host} chosen: {placed}" if placed else ""


def _nothing(total: int) -> list[Piece]:
    """Say that the filter leaves nothing, and the way back."""
    return [
        Piece(f"None of {total} matches   ", "quiet"),
        Piece("esc", "keys"),
        Piece(" shows all", "quiet"),
    ]
