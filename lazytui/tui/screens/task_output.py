"""Output of a task on many hosts: grouped by how it went, or merged as it comes."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from lazytui.core.model import RunState
from lazytui.core.outcome_reader import OutcomeReader
from lazytui.core.outcomes import Kind, Outcomes
from lazytui.core.saving import save_folder, save_gathered
from lazytui.core.tasks import hosts_of
from lazytui.text import sanitize
from lazytui.tui.clipboard import copy
from lazytui.tui.keymap import bindings
from lazytui.tui.place import path_meant
from lazytui.tui.screens.again import ask_again
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.compare import CompareScreen, Side
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.stopping import Stopping
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece, width_of
from lazytui.tui.widgets.merged_view import MergedView
from lazytui.tui.widgets.outcome_rows import count_pieces, variety_piece, whole_time
from lazytui.tui.widgets.outcome_view import OutcomeView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.worker import Worker

    from lazytui.core.model import RunRecord
    from lazytui.core.outcome_reader import Compared
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes

# The engine keeps about two thousand runs in memory; a task has all of its own among them.
_RUNS_LOOKED_AT = 10_000


class Mode(StrEnum):
    """How the outputs are shown."""

    GROUPED = "grouped"
    MERGED = "merged"
    PER_HOST = "per host"


class TaskOutputScreen(Stopping):
    """What a task wrote on its hosts, with counts above.

    Follows the runs of the task and the growth of their spools.

    Args:
        context: of the app.
        task_id: the task; its runs are among those the engine has in memory.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("outcomes", "page", "list", "global")
    SAVED_FOR = "output"
    BINDINGS = bindings("outcomes", "page")

    def __init__(self, context: Context, task_id: int) -> None:
        super().__init__(context)
        self.task_id = task_id
        self._mode = Mode.GROUPED
        self._outcomes = Outcomes()
        self._reader = OutcomeReader(self._outcomes, self._show_outcomes)
        self._counts = Bar(id="counts")
        self.grouped = OutcomeView(self.clock, id="grouped")
        self.merged = MergedView(id="merged")
        self.merged.display = False
        self._status = Bar(id="status", classes="ruled")
        self._reading: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Lay out header, counts, the outputs, status and keys."""
        yield self.header
        yield self._counts
        yield self.grouped
        yield self.merged
        yield self._status
        yield self.key_bar

    @property
    def hosts_meant(self) -> list[str]:
        """The hosts of the group under the cursor; in the merged text, all."""
        current = self.grouped.current if self._mode is Mode.GROUPED else None
        return hosts_of(current.records if current else self.records)

    # What is seen

    @property
    def records(self) -> Sequence[RunRecord]:
        """The runs of the task, in its order."""
        return self._outcomes.records

    def rebuild(self) -> None:
        """Take all runs of the task as they are now, and what they wrote meanwhile."""
        for record in reversed(self.engine.runs.records(_RUNS_LOOKED_AT)):
            if record.task_id == self.task_id:
                self._outcomes.put(record)
        if self._reading is None and self.is_mounted:
            self._reading = self.run_worker(
                self._reader.follow(), name="reading output", group="outcomes", exit_on_error=False
            )
        records = self.records
        self._reader.look(record for record in records if record.state is RunState.RUNNING)
        self.merged.show(records)
        self.merged.look_again()
        self._show_surroundings()

    def tick(self) -> None:
        """Let the times of what runs go on."""
        self.grouped.times_went_on()
        self._show_surroundings()

    def show_changes(self, changes: Changes) -> None:
        """Take runs that changed and outputs that grew; they are shown in a moment."""
        if changes.runs:
            self._take_changed(changes.runs)
        grown = [record for id_ in changes.output if (record := self._outcomes.get(id_))]
        self.merged.grew(record.run_id for record in grown)
        if changes.runs or grown:
            self._reader.look(grown)
            self._show_surroundings()

    def _take_changed(self, run_ids: frozenset[str]) -> None:
        for run_id in run_ids:
            try:
                record = self.engine.runs.get(run_id)
            except KeyError:
                continue  # the engine has newer ones to keep
            if record.task_id == self.task_id:
                self._outcomes.put(record)
        self.merged.show(self.records)

    def _show_outcomes(self, compared: Sequence[Compared]) -> None:
        if self.is_mounted:
            self.grouped.show(compared)
            self._show_surroundings()

    def _show_surroundings(self) -> None:
        records = self.records
        name = records[0].name if records else ""
        steps = [
            Piece("Tasks › ", "quiet"),
            Piece(f"#{self.task_id} ", "quiet"),
            Piece(sanitize(name, max_chars=500), bold=True),
        ]
        self.header.way(steps, [Piece(whole_time(records, self.clock.epoch()), "quiet")])
        counts = count_pieces(self._outcomes.counts())
        variety = [variety_piece(self.grouped.outcomes)]
        fits = width_of([*counts, *variety]) + 2 <= self._counts.content_size.width
        self._counts.show((counts, variety if fits else []))
        self._show_place()

    def _show_place(self) -> None:
        self._status.show((self._mode_pieces(), self._place_pieces()))
        self.show_keys()

    def _mode_pieces(self) -> list[Piece]:
        pieces: list[Piece] = []
        for mode in Mode:
            here = mode is self._mode
            pieces += [Piece(" · ", "faint")] if pieces else []
            pieces.append(Piece(mode.value, "moves" if here else "quiet", bold=here))
        return pieces

    def _place_pieces(self) -> list[Piece]:
        if self._mode is Mode.GROUPED:
            total = self.grouped.outcome_count
            return [Piece(f"{self.grouped.cursor + 1} of {total}" if total else "", "quiet")]
        left_out = self.merged.skipped_text
        follow = self.merged.follow
        return [
            Piece(f"{left_out}   " if left_out else "", "quiet"),
            Piece("following" if follow else "not following", "moves" if follow else "quiet"),
        ]

    def on_outcome_view_cursor_moved(self) -> None:
        """Say where the cursor is, and what can be done there."""
        self._show_place()

    def on_merged_view_follow_changed(self) -> None:
        """Say whether the text follows."""
        self._show_place()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        is_grouped = self._mode is Mode.GROUPED
        current = self.grouped.current if is_grouped else None
        match action:
            case "open" | "show_more" | "show_less" | "copy":
                return current is not None
            case "reference":
                return bool(self.grouped.is_comparing and current and current.kind is Kind.ENDED)
            case "compare":
                return is_grouped and bool(self._sides())
            case "follow":
                return not is_grouped
            case "stop" | "kill":
                return not all(record.state.is_final for record in self.records)
            case _:
                return True

    def on_outcome_view_opened(self) -> None:
        """A double click opens the output."""
        self.action_open()

    def action_open(self) -> None:
        """Show all that the first host of the group wrote."""
        if (current := self.grouped.current) is not None:
            self.open(OutputScreen(self.context, current.first.run_id))

    def action_merge(self) -> None:
        """Show the outputs in the next way: grouped, merged, per host."""
        if self._mode is Mode.GROUPED:
            self._show_mode(Mode.MERGED)
            return
        self._show_mode(Mode.GROUPED)
        self.action_open()

    def _show_mode(self, mode: Mode) -> None:
        self._mode = mode
        self.grouped.display = mode is Mode.GROUPED
        self.merged.display = mode is Mode.MERGED
        self.set_focus(self.grouped if mode is Mode.GROUPED else self.merged)
        self._show_place()

    def action_follow(self) -> None:
        """Stay at the end as lines come, or stop it."""
        self.merged.follow = not self.merged.follow

    def action_show_more(self) -> None:
        """Show more lines of this group."""
        self.grouped.show_more()

    def action_show_less(self) -> None:
        """Show fewer lines of this group."""
        self.grouped.show_less()

    def action_reference(self) -> None:
        """Compare the others with this group."""
        current = self.grouped.current
        if current is not None and current.kind is Kind.ENDED:
            self._reader.compare_with(current.first.run_id)

    def _sides(self) -> list[Side]:
        """Give the reference, the group of the cursor, and the others; none without a second."""
        compared = self.grouped.compared
        reference = next((found for found in compared if found.is_reference), None)
        ended = [found.outcome for found in compared if found.outcome.kind is Kind.ENDED]
        if reference is None or len(ended) < 2:
            return []
        current = self.grouped.current
        others = [outcome for outcome in ended if outcome is not reference.outcome]
        others.sort(key=lambda outcome: outcome is not current)
        return [
            Side(outcome.first, f"{outcome.name} ({len(outcome.records)})")
            for outcome in (reference.outcome, *others)
        ]

    def action_compare(self) -> None:
        """Show what differs between the reference and this group."""
        if sides := self._sides():
            self.open(CompareScreen(self.context, sides))

    def action_rerun(self) -> None:
        """Ask for a command for the hosts of this group; in the merged text for all hosts."""
        current = self.grouped.current if self._mode is Mode.GROUPED else None
        records = current.records if current else self.records
        ask_again(self, self.context, records)

    def action_copy(self) -> None:
        """Copy the hosts of this group as a node set."""
        if (current := self.grouped.current) is not None:
            said = copy(self.app, current.name)
            self.notify(f"{sanitize(current.name, max_chars=60)}: {said}", markup=False)

    def action_stop(self) -> None:
        """Ask how to stop what still runs."""
        self.ask_to_stop(*self.records)

    def action_kill(self) -> None:
        """Ask whether to kill what still runs."""
        self.ask_to_kill(*self.records)

    def action_save(self) -> None:
        """Ask in what form to save the outputs."""
        folder = path_meant(self.app, f"task-{self.task_id}")
        choices = (
            ("f", f"a folder   {folder.name}/   one file for each host"),
            ("g", f"one file   {folder.name}.txt   each different output once"),
        )

        def decided(choice: str | None) -> None:
            if choice is not None:
                self.intend(self._save(folder, gathered=choice == "g"), "save")

        lines = (f"in {folder.parent}",)
        self.open(ChoiceScreen(f"Save the output of #{self.task_id}?", lines, choices), decided)

    async def _save(self, path: Path, *, gathered: bool) -> None:
        if gathered:
            saved = await asyncio.to_thread(save_gathered, path, self._outcomes.outcomes())
        else:
            saved = await asyncio.to_thread(save_folder, path, self.records)
        self.notify(f"Saved: {sanitize(str(saved))}", markup=False)

    def action_back(self) -> None:
        """Go back to where the output was asked for."""
        if self.is_current:
            self.dismiss()
