"""Saved commands on the screens: in the palette, in a list of their own, and on keys."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING

from textual.keys import _character_to_key

from lazytui.core.paths import config_file
from lazytui.core.plan import Plan
from lazytui.core.saved import SavedCommand, load_commands
from lazytui.core.task import RuntimeTask
from lazytui.core.templates import has_variables
from lazytui.core.where import fold, parse_where
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.keymap import shown_key
from lazytui.tui.screens.ask_text import AskText
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.confirm import confirm
from lazytui.tui.widgets.entry_list import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from textual.app import App

    from lazytui.tui.context import Context
    from lazytui.tui.screens.base import EngineScreen

_CHOICE_KEYS = "123456789abcdefghijklmnopqrstuvwxyz"


class SavedCommands:
    """The saved commands of the user.

    Args:
        environ: of the terminal: it says where the settings are.
        report: tells the user what is wrong with one.
    """

    def __init__(self, environ: Mapping[str, str], report: Callable[[Sequence[str]], None]) -> None:
        self.path: Path = config_file(environ)
        self._report = report
        self._commands: list[SavedCommand] = []

    async def load(self) -> None:
        """Read them again."""
        self._commands, problems = await asyncio.to_thread(load_commands, self.path)
        self._report(problems)

    def of(self, context: str) -> list[SavedCommand]:
        """Give those that can be used in a context."""
        return [command for command in self._commands if command.fits(context)]

    def press(self, key: str, screen: EngineScreen, context: Context) -> bool:
        """Run the one that a key stands for on a screen; False when there is none."""
        for saved in self.of(screen.SAVED_FOR):
            if saved.key and key in _key_names(saved.key):
                run_saved(screen, context, saved, self.path.parent)
                return True
        return False

    def entries(self, screen: EngineScreen, context: Context) -> list[Entry]:
        """Give those that can be used on a screen, for the palette and the help."""
        return [
            Entry(
                f"Saved: {sanitize(saved.name, max_chars=200)}",
                shown_key(saved.key) if saved.key else "",
                do=partial(run_saved, screen, context, saved, self.path.parent),
            )
            for saved in self.of(screen.SAVED_FOR)
        ]


def settings_path(app: App[object]) -> Path:
    """Give where the settings of whoever sits at a terminal are."""
    return config_file(getattr(app, "environ", os.environ))


def _key_names(key: str) -> tuple[str, ...]:
    """Give the names that Textual has for a key as people write it."""
    return (key, _character_to_key(key)) if len(key) == 1 else (key,)


def run_saved(screen: EngineScreen, context: Context, saved: SavedCommand, folder: Path) -> None:
    """Ask what a saved command wants to know, then run it on the hosts of the screen.

    Args:
        screen: where it is asked for.
        context: of the app.
        saved: the command.
        folder: what the path of its task file is relative to.
    """
    try:
        hosts = _hosts(screen, context, saved)
    except UsageError as error:
        screen.notify(sanitize(f"{saved.name}: {error}"), severity="warning", markup=False)
        return
    _ask(screen, context, saved, folder, hosts, {})


def _hosts(screen: EngineScreen, context: Context, saved: SavedCommand) -> list[str]:
    if not saved.where:
        hosts = list(screen.hosts_meant)
        if not hosts:
            raise UsageError("there is no host here to run it on")
        return hosts
    runtimes = list(context.engine.runtimes.values())
    groups = {group.name: group.hosts for group in context.engine.groups_now()}
    hosts = parse_where(saved.where, bare_words="exact").select(runtimes, groups)
    if not hosts:
        raise UsageError(f"no host matches {saved.where}")
    return hosts


def _ask(
    screen: EngineScreen,
    context: Context,
    saved: SavedCommand,
    folder: Path,
    hosts: list[str],
    answers: dict[str, str],
) -> None:
    """Ask for the next thing that was not answered; when there is none, go on."""
    prompt = next((prompt for prompt in saved.prompts if prompt.name not in answers), None)
    if prompt is None:
        _confirm(screen, context, saved, folder, hosts, answers)
        return

    def answered(answer: str | None) -> None:
        if answer is not None:
            given = {**answers, prompt.name: answer}
            _ask(screen, context, saved, folder, hosts, given)

    title, lines = saved.name, (prompt.text,)
    if not prompt.choices:
        screen.open(AskText(title, lines, prompt.default, _not_empty), answered)
        return

    def chosen(key: str | None) -> None:
        answered(None if key is None else prompt.choices[_CHOICE_KEYS.index(key)])

    choices = tuple(zip(_CHOICE_KEYS, prompt.choices, strict=False))
    start = prompt.choices.index(prompt.default) if prompt.default in prompt.choices else 0
    screen.open(ChoiceScreen(title, lines, choices, start=min(start, len(choices) - 1)), chosen)


def _not_empty(text: str) -> str:
    return "" if text.strip() else "an answer is needed; esc goes back"


def _confirm(
    screen: EngineScreen,
    context: Context,
    saved: SavedCommand,
    folder: Path,
    hosts: list[str],
    answers: Mapping[str, str],
) -> None:
    command = saved.filled(answers)

    def go() -> None:
        screen.intend(_run(screen, context, saved, folder, hosts, command), saved.name)

    if saved.confirm:
        lines = [command or saved.task, f"on {fold(hosts)}"]
        confirm(screen, f"Run {saved.name}?", lines, "run it", len(hosts), go)
    else:
        go()


async def _run(
    screen: EngineScreen,
    context: Context,
    saved: SavedCommand,
    folder: Path,
    hosts: Sequence[str],
    command: str,
) -> None:
    if saved.task:
        from lazytui.core.task_file import read_task_file
        from lazytui.core.task_functions import functions_of

        path = folder / saved.task
        draft = await asyncio.to_thread(read_task_file, path)
        task, plan = draft.task(path.parent, await functions_of(draft, path.parent))
    else:
        task = RuntimeTask(saved.name).run_command(command)
        plan = Plan(templates=has_variables(command))
    records = await context.engine.run_task(task, hosts, plan=plan)
    if screen.is_current and records:
        from lazytui.tui.screens.run_prompt import show_runs

        show_runs(screen, context, records)
