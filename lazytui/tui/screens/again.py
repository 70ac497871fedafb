"""Running a task again, changing it, and keeping it, as the screens do it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.saved import SavedCommand, save_command
from lazytui.core.step import CommandSpec
from lazytui.core.task_file import draft_of
from lazytui.core.tasks import hosts_of
from lazytui.errors import LazytuiError, UsageError
from lazytui.text import sanitize
from lazytui.tui.run_order import count_text
from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.run_prompt import ask_run, show_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lazytui.core.model import RunRecord
    from lazytui.core.plan import Plan
    from lazytui.core.task import RuntimeTask
    from lazytui.core.tasks import TaskView
    from lazytui.tui.context import Context
    from lazytui.tui.screens.base import EngineScreen

RESTART = "s"
NAMED = 8  # tasks that a question names


def ask_again(screen: EngineScreen, context: Context, runs: Sequence[RunRecord]) -> None:
    """Run a task again: on all its hosts, on those where it failed, or where it still runs.

    Asks which, if there is a choice. What still runs goes on, unless it is to be restarted.

    A single command goes through the Run sheet, where it can be changed; more steps start at once.

    Args:
        screen: where it is asked for.
        context: of the app.
        runs: of one task, those it is about.
    """
    if not runs:
        return
    everywhere = hosts_of(runs)
    failed = hosts_of(run for run in runs if _went_wrong(run))
    alive = hosts_of(run for run in runs if not run.state.is_final)
    choices: dict[str, tuple[str, Sequence[str]]] = {}
    if failed and len(failed) != len(everywhere):
        choices["f"] = (f"where it failed   {count_text(len(failed))}", failed)
    choices["a"] = (f"everywhere   {count_text(len(everywhere))}", everywhere)
    if alive:
        choices[RESTART] = (f"where it runs: stop it, then again   {count_text(len(alive))}", alive)

    def chosen(key: str | None) -> None:
        if key is not None:
            again = _restart if key == RESTART else _again
            screen.intend(again(screen, context, runs[0], choices[key][1]), "run again")

    if len(choices) == 1:
        chosen("a")
        return
    told = [(key, text) for key, (text, _) in choices.items()]
    screen.open(ChoiceScreen(f"Run #{runs[0].task_id} again", (), told, start=0), chosen)


def _went_wrong(run: RunRecord) -> bool:
    return run.state in (RunState.FAILED, RunState.LOST, RunState.CANCELLED)


async def _restart(
    screen: EngineScreen, context: Context, run: RunRecord, hosts: Sequence[str]
) -> None:
    screen.app.notify(f"#{run.task_id} is stopped, then run again", markup=False)
    records = await context.engine.restart(run.task_id, hosts)
    if screen.is_current and records:
        show_runs(screen, context, records)


async def _again(
    screen: EngineScreen, context: Context, run: RunRecord, hosts: Sequence[str]
) -> None:
    task, plan = await context.engine.task_of(run.task_id)
    if plain_command(task, plan):
        if screen.is_current:
            ask_run(screen, context, hosts, run.command)
        return
    records = await context.engine.run_again(run.task_id, hosts)
    if screen.is_current and records:
        show_runs(screen, context, records)


def ask_all_again(
    screen: EngineScreen, context: Context, tasks: Sequence[TaskView], then: Callable[[], None]
) -> None:
    """Run several tasks again, all their steps: asks whether everywhere or where they failed.

    Args:
        screen: where it is asked for.
        context: of the app.
        tasks: those that are meant.
        then: called when it was decided.
    """
    everywhere = [(task.task_id, hosts_of(task.runs)) for task in tasks]
    failed = [
        (task.task_id, hosts)
        for task in tasks
        if (hosts := hosts_of(run for run in task.runs if _went_wrong(run)))
    ]
    choices = [("a", f"everywhere   {_amount(everywhere)}")]
    if failed and failed != everywhere:
        choices.insert(0, ("f", f"where they failed   {_amount(failed)}"))
    lines = [f"#{task.task_id} {task.name}" for task in tasks[:NAMED]]
    if len(tasks) > NAMED:
        lines.append(f"and {len(tasks) - NAMED} more")
    if alive := sum(not task.is_over for task in tasks):
        lines.append(f"{alive} of them still {'runs' if alive == 1 else 'run'}, and will go on.")

    def chosen(key: str | None) -> None:
        if key is not None:
            wanted = failed if key == "f" else everywhere
            screen.intend(_all_again(screen, context, wanted), "run again")
            then()

    screen.open(ChoiceScreen(f"Run {len(tasks)} tasks again?", lines, choices, start=0), chosen)


def _amount(wanted: Sequence[tuple[int, Sequence[str]]]) -> str:
    runs = sum(len(hosts) for _, hosts in wanted)
    tasks = "1 task" if len(wanted) == 1 else f"{len(wanted)} tasks"
    return f"{tasks}, {runs} run{'' if runs == 1 else 's'}"


async def _all_again(
    screen: EngineScreen, context: Context, wanted: Sequence[tuple[int, Sequence[str]]]
) -> None:
    """Run tasks again in the order in which they ran; one that cannot be is told, others go on."""
    problems: list[str] = []
    for task_id, hosts in sorted(wanted):
        try:
            await context.engine.run_again(task_id, hosts)
        except LazytuiError as error:
            problems.append(f"#{task_id}: {error}")
    started = [one for one in wanted if not any(p.startswith(f"#{one[0]}:") for p in problems)]
    if started:
        screen.app.notify(f"Again: {_amount(started)}", markup=False)
    if problems:
        screen.app.notify(sanitize("\n".join(problems[:5])), severity="warning", markup=False)


def plain_command(task: RuntimeTask, plan: Plan) -> bool:
    """Whether a task is a command and nothing else, as the Run sheet makes one."""
    return len(task.steps) == 1 and isinstance(task.steps[0], CommandSpec) and not plan.has_gate


def edit_again(screen: EngineScreen, context: Context, runs: Sequence[RunRecord]) -> None:
    """Open the steps of a task in the editor."""
    if runs:
        screen.intend(_edit(screen, context, runs), "edit")


async def _edit(screen: EngineScreen, context: Context, runs: Sequence[RunRecord]) -> None:
    from lazytui.tui.screens.task_editor import TaskEditor

    task, plan = await context.engine.task_of(runs[0].task_id)
    draft = draft_of(task.name, task.steps, hosts_of(runs), plan)
    if screen.is_current:
        screen.open(TaskEditor(context, draft))


def ask_to_keep(screen: EngineScreen, context: Context, run: RunRecord, path: Path) -> None:
    """Ask for a name and keep the command of a run as a saved command.

    Args:
        screen: where it is asked for.
        context: of the app.
        run: whose task it is.
        path: of the settings.
    """

    def given(name: str | None) -> None:
        if name is not None:
            screen.intend(_keep(screen, context, run, path, name.strip()), "save")

    lines = (run.command, f"it is added to {path}")
    name = run.name.splitlines()[0] if run.name else ""
    screen.open(AskText("Save as a command named", lines, name, _needs_name), given)


def _needs_name(text: str) -> str:
    return "" if text.strip() else "give it a name"


async def _keep(
    screen: EngineScreen, context: Context, run: RunRecord, path: Path, name: str
) -> None:
    task, plan = await context.engine.task_of(run.task_id)
    if not plain_command(task, plan):
        raise UsageError("only a command can be kept so: edit it (e), then save it there (S)")
    await asyncio.to_thread(save_command, path, SavedCommand(name, run.command))
    screen.app.notify(sanitize(f"{name} is saved: ! or : runs it"), markup=False)
