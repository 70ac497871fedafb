"""What a task is as a whole: its name, its hosts, and how its runs follow each other."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.core.conditions import parse_condition
from lazytui.core.plan import Plan, read_limits
from lazytui.core.where import parse_where
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.widgets.cells import Piece, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.task_file import TaskDraft
    from lazytui.tui.context import Context

_LABELS = ("Name", "Hosts", "How", "Needs", "On failure", "Time limit")
HEAD_ROWS = len(_LABELS) + 1  # those, and an empty one
_BATCHES = "b"
_HOW = {
    "a": ("all at once", Plan()),
    "o": ("one at a time", Plan(batch=1)),
    _BATCHES: ("in batches of so many hosts", Plan(batch=2)),
    "l": ("on the least busy only", Plan(least_busy=True)),
}


class TaskHead(EngineScreen):
    """The part of the task editor above the steps.

    Args:
        context: of the app.
        draft: the task.
    """

    def __init__(self, context: Context, draft: TaskDraft) -> None:
        super().__init__(context)
        self.draft = draft

    @abstractmethod
    def change(self, draft: TaskDraft) -> None:
        """Take another draft, and show it."""

    def head(self) -> list[Row]:
        """Give the rows above the steps."""
        draft, plan = self.draft, self.draft.plan
        how = "on the least busy only" if plan.least_busy else "all at once"
        if plan.batch:
            how = "one at a time" if plan.batch == 1 else f"{plan.batch} at a time"
        failure = "start no more" if plan.stop_on_failure else "go on"
        shown = (
            (draft.name, "made of the first step"),
            (draft.where, "asked when it runs"),
            (how, ""),
            (plan.when, "nothing; gpu>=1 mem>16G waits until a host has that free"),
            (failure, ""),
            ("; ".join(plan.told_limits), "none; 5m for each run, task 2h for all together"),
        )
        return [
            [
                Piece(f" {label:<12}", "quiet"),
                Piece(sanitize(value)) if value else Piece(default, "faint"),
            ]
            for label, (value, default) in zip(_LABELS, shown, strict=True)
        ]

    def open_head(self, row: int) -> None:
        """Change what a row is about; below them, add a step."""
        draft, plan = self.draft, self.draft.plan
        match _LABELS[row] if row < len(_LABELS) else "":
            case "Name":
                self._ask("Name", draft.name, "what lists show",
                          lambda text: replace(draft, name=text))  # fmt: skip
            case "Hosts":
                self._ask("Hosts", draft.where, "gpu[01-04]  @group  gpu>=1; empty asks each time",
                          lambda text: replace(draft, where=text), _where_problem)  # fmt: skip
            case "How":
                self._ask_how()
            case "Needs":
                about = "what a host must have free, such as gpu>=1 mem>16G; empty for nothing"
                self._ask("Needs", plan.when, about,
                          lambda text: replace(draft, plan=replace(plan, when=text)),
                          self._needs_problem)  # fmt: skip
            case "On failure":
                self._change_plan(stop_on_failure=not plan.stop_on_failure)
            case "Time limit":
                about = "5m ends each run after that; task 2h all of them, from the first start on"
                self._ask("Time limit", plan.limits, about, self._limited, _limits_problem)
            case _:
                self.action_add()

    @abstractmethod
    def action_add(self) -> None:
        """Add a step."""

    def _change_plan(self, **changes: object) -> None:
        self.change(replace(self.draft, plan=replace(self.draft.plan, **changes)))  # type: ignore[arg-type]

    def _limited(self, text: str) -> TaskDraft:
        timeout_s, task_timeout_s = read_limits(text)
        plan = replace(self.draft.plan, timeout_s=timeout_s, task_timeout_s=task_timeout_s)
        return replace(self.draft, plan=plan)

    def _ask(
        self,
        title: str,
        text: str,
        about: str,
        change: Callable[[str], TaskDraft],
        problem: Callable[[str], str] = lambda text: "",
    ) -> None:
        def given(answer: str | None) -> None:
            if answer is not None:
                self.change(change(answer.strip()))

        self.open(AskText(title, (about,), text, problem), given)

    def _needs_problem(self, text: str) -> str:
        try:
            parse_condition(text, (group.name for group in self.engine.groups_now()))
        except UsageError as error:
            return str(error)
        return ""

    def _ask_how(self) -> None:
        def chosen(key: str | None) -> None:
            if key == _BATCHES:
                self._ask_batch()
            elif key is not None:
                way = _HOW[key][1]
                self._change_plan(batch=way.batch, least_busy=way.least_busy)

        choices = [(key, text) for key, (text, _) in _HOW.items()]
        self.open(ChoiceScreen("How", (), choices, start=0), chosen)

    def _ask_batch(self) -> None:
        def sized(text: str) -> TaskDraft:
            plan = replace(self.draft.plan, batch=int(text), least_busy=False)
            return replace(self.draft, plan=plan)

        size = max(2, self.draft.plan.batch)
        about = "how many hosts at a time; the next begin when these are over"
        self._ask("Batches", str(size), about, sized, _batch_problem)


def _where_problem(text: str) -> str:
    try:
        parse_where(text, bare_words="exact")
    except UsageError as error:
        return str(error)
    return ""


def some_where(text: str) -> str:
    """Say what is wrong with hosts that must be named; empty when nothing is."""
    return _where_problem(text) if text.strip() else "say where; esc goes back"


def _limits_problem(text: str) -> str:
    try:
        read_limits(text)
    except UsageError as error:
        return str(error)
    return ""


def _batch_problem(text: str) -> str:
    number = text.strip()
    right = number.isascii() and number.isdigit() and int(number[:9]) > 0
    return "" if right and len(number) < 9 else "say how many hosts make a batch, such as 10"
