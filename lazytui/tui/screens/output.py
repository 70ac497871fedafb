"""Output of one run, live from its spool."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, ClassVar

from lazytui.ansi import render_line
from lazytui.core.save import save_output
from lazytui.core.tasks import hosts_of
from lazytui.errors import LazytuiError, UsageError
from lazytui.text import sanitize, size_text
from lazytui.tui.clipboard import copy
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.base import RECORDS_SHOWN
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.compare import CompareScreen, Side, sides_of
from lazytui.tui.screens.output_reading import OutputReading
from lazytui.tui.screens.path_prompt import PathPrompt
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.log_words import count_pieces, found_pieces, place_pieces
from lazytui.tui.widgets.run_table import outcome_pieces, state_pieces, time_text

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult

    from lazytui.core.lines import RawLine
    from lazytui.core.model import RunRecord
    from lazytui.core.search import Query
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes

COPIED_LINES = 1000


class OutputScreen(OutputReading):
    """What a run wrote, with its state in the header and how it ended below.

    Follows the growth of the spool and the changes of the run.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("steps", "output", "page", "text", "global")
    SAVED_FOR = "output"
    BINDINGS = bindings("output", "steps", "text", "page")

    def __init__(self, context: Context, run_id: str) -> None:
        super().__init__(context, run_id)

    def compose(self) -> ComposeResult:
        """Lay out header, text, status and keys."""
        yield self.header
        yield self.log_view
        yield self._status
        yield self._find
        yield self.key_bar

    @property
    def hosts_meant(self) -> list[str]:
        """The host of the run."""
        return hosts_of([self.record])

    # --- showing -----------------------------------------------------------------------------

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
        self.log_view.starts_at(record.started)
        self._show_status()
        self.show_keys()

    def _show_status(self) -> None:
        record, found = self.record, self.log_view.found
        place = place_pieces(self.log_view, is_final=record.state.is_final)
        if found is not None:
            said = found_pieces(found)
        elif record.state.is_final:
            said = outcome_pieces(record, self.clock.epoch())
        else:
            said = [Piece(sanitize(record.reason), "attention")]
        self._status.show((said, place))
        if found is not None and self._find.display:
            self._find.show(count_pieces(found))

    def show_changes(self, changes: Changes) -> None:
        """Show new output, and a new state."""
        if self.run_id in changes.output:
            self.log_view.grew(changes.output[self.run_id], at=self.clock.epoch())
        if self.run_id in changes.runs:
            self.rebuild()
            self.read_steps()

    def on_screen_resume(self) -> None:
        """Catch up with what was written while another screen was shown."""
        super().on_screen_resume()
        self.read_steps()
        spool = self._spool
        if spool is not None and spool.is_file():
            self.log_view.grew(spool.stat().st_size)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys do what can be done."""
        if not self.is_typing:
            match action:
                case "stop":
                    return not self.record.state.is_final
                case "host_next":
                    return len(self._of_this_task()) > 1
                case "compare":
                    return len(self._comparable()) > 1
        return super().check_action(action, parameters)

    # --- taking it along ---------------------------------------------------------------------

    def action_editor(self) -> None:
        """Open the raw output in the user's pager."""
        from lazytui.tui.editing import read_in_pager

        if (spool := self._spool) is not None and spool.is_file():
            read_in_pager(self.app, spool)

    def action_save(self) -> None:
        """Ask how and where to save."""
        found = self.log_view.found
        choices = [("p", "plain text, as it is shown"), ("r", "raw, every byte as it came")]
        if found is not None:
            choices.append(("m", "only the matching lines, as plain text"))
        lines = (f"{size_text(self.log_view.end)} so far",)

        def chosen(form: str | None) -> None:
            if form is not None:
                self._ask_where(
                    plain=form != "r", query=found.query if found and form == "m" else None
                )

        self.open(ChoiceScreen("Save the output", lines, choices, start=0), chosen)

    def _ask_where(self, *, plain: bool, query: Query | None) -> None:
        name = re.sub(r"[^\w.@-]+", "-", f"{self.record.task_id}-{self.record.host}")[:100]
        what = "matching lines" if query else "output"

        def given(path: Path | None) -> None:
            if path is not None:
                self.intend(self._save(path, plain=plain, query=query), "save")

        title = f"Save the {what} of #{self.record.task_id}{'' if plain else ' as it came'}"
        self.open(PathPrompt(title, f"{name}.log"), given)

    async def _save(self, path: Path, *, plain: bool, query: Query | None) -> None:
        spool = self._spool
        if spool is None:
            raise UsageError("there is no output to save")
        try:
            size = await asyncio.to_thread(save_output, spool, path, plain=plain, query=query)
        except OSError as error:
            raise LazytuiError(f"{path} was not written: {error.strerror}") from error
        self.app.notify(sanitize(f"Saved {size_text(size)} to {path}"), markup=False)

    def action_copy(self) -> None:
        """Ask what to copy."""
        choices = [("v", "the lines in view"), ("l", f"the last {COPIED_LINES:,} lines")]
        if self.log_view.found is not None:
            choices.append(("m", f"the last {COPIED_LINES:,} matching lines"))

        def chosen(what: str | None) -> None:
            if what is not None:
                self._copy(what)

        self.open(ChoiceScreen("Copy", (), choices, start=0), chosen)

    def _copy(self, what: str) -> None:
        lines: list[RawLine] = []
        if what == "v":
            lines = self.log_view.lines_in_sight()
        elif what == "l":
            lines = self.log_view.last_lines(COPIED_LINES)
        else:
            lines = self.log_view.last_matches(COPIED_LINES)
        if not lines:
            self.app.notify("There is nothing to copy", markup=False)
            return
        text = "".join(f"{render_line(line.data)}\n" for line in lines)
        word = "1 line" if len(lines) == 1 else f"{len(lines):,} lines"
        self.app.notify(sanitize(f"{word}: {copy(self.app, text)}"), markup=False)

    # --- other runs --------------------------------------------------------------------------

    def _of_this_task(self) -> list[RunRecord]:
        records = self.engine.runs.records(RECORDS_SHOWN)
        task = [record for record in records if record.task_id == self._record.task_id]
        return sorted(task, key=lambda record: record.host)

    def action_host_next(self) -> None:
        """Show the same task on the next host."""
        runs = [record.run_id for record in self._of_this_task()]
        if len(runs) > 1:
            here = runs.index(self.run_id) if self.run_id in runs else -1
            self.show_run(runs[(here + 1) % len(runs)])

    def show_run(self, run_id: str) -> None:
        """Show another run in this screen, in the same way."""
        self.run_id = run_id
        self._record = self.engine.runs.get(run_id)
        self.log_view.open(self._spool)
        self.rebuild()
        self.read_steps()

    def _comparable(self) -> list[Side]:
        records = self.engine.runs.records(RECORDS_SHOWN)
        return sides_of(self.record, records, self.clock.epoch())

    def action_compare(self) -> None:
        """Show what differs from the run before, or from other hosts."""
        run, *others = self._comparable()
        if others:
            self.open(CompareScreen(self.context, [others[0], run, *others[1:]]))

    def action_rerun(self) -> None:
        """Run the same command on this host again, and show that."""
        self.intend(self._rerun(), "run again")

    async def _rerun(self) -> None:
        shown, record = self.run_id, self.record
        runs = await self.engine.run_again(record.task_id, self.hosts_meant)
        if runs and self.is_current and self.run_id == shown:
            self.show_run(runs[0].run_id)

    def action_stop(self) -> None:
        """Ask how to stop the run."""
        self.ask_to_stop(self.record)
