"""The task editor: a task of several steps, made, tried, saved and run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lazytui.core.save import write_text
from lazytui.core.saved import SavedCommand, save_command
from lazytui.core.task_file import (
    FUNCTION,
    GET,
    RUN,
    SEND,
    StepDraft,
    TaskDraft,
    read_task_file,
    task_toml,
)
from lazytui.core.task_functions import functions_of
from lazytui.core.where import fold, parse_where
from lazytui.errors import LazytuiError, UsageError
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.run_order import count_text, in_one_line
from lazytui.tui.saved import settings_path
from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.file_picker import FilePicker
from lazytui.tui.screens.path_prompt import PathPrompt
from lazytui.tui.screens.run_prompt import show_runs
from lazytui.tui.screens.step_edit import TITLES, StepSheet
from lazytui.tui.screens.task_head import HEAD_ROWS, TaskHead, some_where
from lazytui.tui.task_preview import preview
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece, Row
from lazytui.tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes

_ADD = (("r", RUN), ("s", SEND), ("g", GET), ("f", FUNCTION))
_SIGNS = {RUN: "run", SEND: "send", GET: "get", FUNCTION: "call"}


class DryRunScreen(ChoiceScreen):
    """Says what a task would do, with room for it."""


class TaskEditor(TaskHead):
    """A task as a list: what it is called, where and how it runs, and its steps in order.

    What is in it survives ``esc``: it is there again when a new task is asked for.

    Args:
        context: of the app.
        draft: what is in it at first.
        folder: what paths of the manager are relative to.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("editor", "page", "list", "global")
    BINDINGS = bindings("editor", "page")

    def __init__(self, context: Context, draft: TaskDraft, folder: Path | None = None) -> None:
        super().__init__(context, draft)
        self._folder = folder or context.folder or Path.cwd()
        self.rows = RowList(id="steps")
        self.rows.cursor = HEAD_ROWS  # the steps are what a task is
        self._status = Bar(id="status", classes="ruled")

    def compose(self) -> ComposeResult:
        """Lay out header, list, status and keys."""
        yield self.header
        yield self.rows
        yield self._status
        yield self.key_bar

    def on_mount(self) -> None:
        """Begin in the list."""
        self.set_focus(self.rows)

    # What is seen

    def rebuild(self) -> None:
        """Show the task as it is."""
        steps = self.draft.steps
        name = sanitize(self.draft.name) or "New task"
        way = [Piece("Tasks › ", "quiet"), Piece(name, bold=True)]
        count = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
        self.header.way(way, [Piece(count, "quiet")])
        self.rows.show([*self.head(), [], *self._steps()])
        self._show_status()

    def show_changes(self, changes: Changes) -> None:
        """Hosts may have come up or gone."""
        if changes.hosts:
            self._show_status()

    def _steps(self) -> list[Row]:
        rows: list[Row] = []
        for number, step in enumerate(self.draft.steps, 1):
            more = [f"in {step.cwd}"] if step.cwd else []
            more += [f"{name}={value}" for name, value in step.env.items()]
            rows.append(
                [
                    Piece(f" {number:>2}  ", "faint"),
                    Piece(f"{_SIGNS[step.kind]:<6}", "moves"),
                    Piece(sanitize(in_one_line(step.title), max_chars=500)),
                    Piece(f"   {sanitize(' '.join(more), max_chars=200)}", "quiet"),
                ]
            )
        add = "a adds a step" if rows else "No steps yet: a adds one"
        return [*rows, [Piece(f"     {add}", "quiet")]]

    def _show_status(self) -> None:
        try:
            hosts = self._hosts()
            said = Piece(f"{count_text(len(hosts))}: {sanitize(fold(hosts), max_chars=200)}"
                         if hosts else "no hosts yet", "quiet")  # fmt: skip
        except UsageError as error:
            said = Piece(sanitize(str(error)), "attention")
        folder = sanitize(self._folder.absolute().name or "/", max_chars=30)
        self._status.show(([said], [Piece(f"paths from {folder}", "quiet")]))
        self.show_keys()

    def _hosts(self) -> list[str]:
        if not self.draft.where.strip():
            return []
        groups = {group.name: group.hosts for group in self.engine.groups_now()}
        where = parse_where(self.draft.where, bare_words="exact")
        return where.select(list(self.engine.runtimes.values()), groups)

    @property
    def _at(self) -> int | None:
        """Which step the cursor is on."""
        at = self.rows.cursor - HEAD_ROWS
        return at if 0 <= at < len(self.draft.steps) else None

    def on_row_list_cursor_moved(self) -> None:
        """Other keys may do something here."""
        self.show_keys()

    def on_row_list_opened(self) -> None:
        """A double click edits the row."""
        self.action_open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        match action:
            case "delete" | "step_down" | "step_up":
                return self._at is not None
            case "run" | "dry_run" | "save":
                return bool(self.draft.steps)
            case _:
                return True

    def change(self, draft: TaskDraft) -> None:
        self.draft = draft
        self.context.drafts.task = draft
        self.rebuild()

    def _with_steps(self, steps: Sequence[StepDraft]) -> None:
        self.change(replace(self.draft, steps=tuple(steps)))

    # Keys

    def action_add(self) -> None:
        """Ask for the kind of a new step, then for the step; it comes after the current one."""
        kinds = dict(_ADD)

        def chosen(key: str | None) -> None:
            if key is not None:
                self.open(StepSheet(StepDraft(kinds[key])), added)

        def added(step: StepDraft | None) -> None:
            if step is not None:
                at = len(self.draft.steps) if self._at is None else self._at + 1
                steps = list(self.draft.steps)
                steps.insert(at, step)
                self._with_steps(steps)
                self.rows.go(HEAD_ROWS + at)

        choices = [(key, TITLES[kind]) for key, kind in _ADD]
        self.open(ChoiceScreen("Add a step", (), choices, start=0), chosen)

    def action_open(self) -> None:
        """Change what the cursor is on."""
        at = self._at
        if at is None:
            self.open_head(self.rows.cursor)
            return

        def changed(step: StepDraft | None) -> None:
            if step is not None:
                steps = list(self.draft.steps)
                steps[at] = step
                self._with_steps(steps)

        self.open(StepSheet(self.draft.steps[at]), changed)

    def action_delete(self) -> None:
        """Take the current step away."""
        if (at := self._at) is not None:
            self._with_steps([*self.draft.steps[:at], *self.draft.steps[at + 1 :]])

    def action_step_down(self) -> None:
        """Let the current step come later."""
        self._move(1)

    def action_step_up(self) -> None:
        """Let the current step come earlier."""
        self._move(-1)

    def _move(self, by: int) -> None:
        at = self._at
        if at is None or not 0 <= at + by < len(self.draft.steps):
            return
        steps = list(self.draft.steps)
        steps[at], steps[at + by] = steps[at + by], steps[at]
        self._with_steps(steps)
        self.rows.go(HEAD_ROWS + at + by)

    # Running

    def action_run(self) -> None:
        """Run the task; ask where, if it does not say."""
        self._with_hosts(self._run)

    def action_dry_run(self) -> None:
        """Say in full what would be done."""
        self._with_hosts(self._preview)

    def _with_hosts(self, then: Callable[[list[str]], None]) -> None:
        """Go on with the hosts of the task; ask for them first, if there are none."""
        try:
            hosts = self._hosts()
        except UsageError:
            hosts = []
        if hosts:
            then(hosts)
            return

        def given(text: str | None) -> None:
            if text is not None:
                self.change(replace(self.draft, where=text.strip()))
                try:
                    then(self._hosts())
                except UsageError as error:
                    self.notify(sanitize(str(error)), severity="warning", markup=False)

        about = ("gpu[01-04]  @group  gpu>=1",)
        self.open(AskText("Run where?", about, self.draft.where, some_where), given)

    def _run(self, hosts: list[str]) -> None:
        if not hosts:
            self.notify("No host matches", severity="warning", markup=False)
            return
        self.intend(self._start(hosts), "run")

    async def _start(self, hosts: Sequence[str]) -> None:
        functions = await functions_of(self.draft, self._folder)
        task, plan = self.draft.task(self._folder, functions)
        records = await self.engine.run_task(task, hosts, plan=plan)
        if self.is_current and records:
            show_runs(self, self.context, records)

    def _preview(self, hosts: list[str]) -> None:
        groups = [group.name for group in self.engine.groups_now()]
        try:
            lines = preview(self.draft.steps, hosts, self.draft.plan, self.engine.runtimes, groups)
        except UsageError as error:
            lines = [str(error)]

        def decided(choice: str | None) -> None:
            if choice == "r":
                self._run(hosts)

        choices = (("r", "run it"), ("b", "back to the task"))
        title = f"Would run on {count_text(1 if self.draft.plan.least_busy else len(hosts))}"
        self.open(DryRunScreen(title, lines, choices, start=1), decided)

    # Files

    def action_save(self) -> None:
        """Ask where to save the task, as a file of its own or as a saved command too."""
        choices = (
            ("f", "a task file   for lazytui run --task FILE.toml"),
            ("c", "a saved command   a task file that ! and : offer"),
        )

        def chosen(form: str | None) -> None:
            if form is not None:
                self._ask_path(saved=form == "c")

        self.open(ChoiceScreen("Save the task as", (), choices, start=0), chosen)

    def _ask_path(self, *, saved: bool) -> None:
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.draft.name) or "task"
        folder = settings_path(self.app).parent if saved else self._folder
        if saved:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

        def given(path: Path | None) -> None:
            if path is not None:
                self.intend(self._save(path, saved=saved), "save")

        self.open(PathPrompt("Save the task", str(folder / f"{name[:80]}.toml")), given)

    async def _save(self, path: Path, *, saved: bool) -> None:
        draft = replace(self.draft, steps=tuple(_moved(s, self._folder, path.parent)
                                                for s in self.draft.steps))  # fmt: skip
        try:
            await asyncio.to_thread(write_text, path, task_toml(draft))
        except OSError as error:
            raise LazytuiError(f"{path} was not written: {error.strerror}") from error
        if saved:
            command = SavedCommand(draft.name or path.stem, task=str(path), where=draft.where)
            await asyncio.to_thread(save_command, settings_path(self.app), command)
        self.app.notify(sanitize(f"Saved to {path}"), markup=False)

    def action_pick(self) -> None:
        """Open a task file instead."""

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.intend(self._load(path), "open")

        self.open(FilePicker(self._folder), chosen)

    async def _load(self, path: Path) -> None:
        draft = await asyncio.to_thread(read_task_file, path)
        self._folder = path.parent
        self.change(draft)
        self.rows.go(HEAD_ROWS)

    def action_back(self) -> None:
        """Go back; what is in it is kept for the next time."""
        if self.is_current:
            self.dismiss()


def _moved(step: StepDraft, old: Path, new: Path) -> StepDraft:
    """Give a step whose paths of the manager mean the same from another folder."""
    if old.absolute() == new.absolute():
        return step
    if step.kind == SEND:
        return replace(step, text=str(old.absolute() / Path(step.text).expanduser()))
    if step.kind == GET:
        return replace(step, to=str(old.absolute() / Path(step.to or ".").expanduser()))
    if step.kind == FUNCTION and step.text.rpartition(":")[0].endswith(".py"):
        return replace(step, text=str(old.absolute() / step.text))
    return step
