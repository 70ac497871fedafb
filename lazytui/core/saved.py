"""Saved commands: ``[[commands]]`` of ``config.toml``, with a key, prompts and a question first.

::

    [[commands]]
    name = "restart a service"
    command = "sudo systemctl restart {{service}}"
    key = "ctrl+e"
    context = "hosts"
    confirm = true

    [[commands.prompts]]
    name = "service"
    text = "Which service?"
    choices = ["nginx", "docker"]

``{{host}}`` and the other variables of templates are filled in for each host; what a prompt asks
for is filled in once, before.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lazytui.core.task_file import toml_value
from lazytui.core.templates import VARIABLES
from lazytui.errors import LazytuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ANYWHERE = "any"
CONTEXTS = (ANYWHERE, "hosts", "tasks", "output")

_KEYS = ("name", "command", "task", "key", "context", "where", "confirm", "prompts")
_PROMPT_KEYS = ("name", "text", "default", "choices")
_KEY_NAME = re.compile(r"[!-+\--~]|[a-z0-9_+]+[a-zA-Z]?")
_PLAIN = re.compile(r"[\w@%+:.,/-]+", re.ASCII)
_HEADER = re.compile(r"\s*\[\[\s*commands\s*\]\]")


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to be asked before a command runs: ``{{name}}`` in it.

    Args:
        name: of the variable.
        text: the question.
        default: what is in the field at first.
        choices: what it can be; empty for any text.
    """

    name: str
    text: str
    default: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedCommand:
    """A command with a name.

    Args:
        name: what lists show.
        command: text for ``/bin/sh``; empty when there is a task file.
        task: the path of a task file, relative to the folder of the settings.
        key: that runs it in its context; empty for none.
        context: where it can be used, one of :data:`CONTEXTS`.
        where: on which hosts, a WHERE; empty for those that the screen is about.
        confirm: ask first.
        prompts: what to ask for.
    """

    name: str
    command: str = ""
    task: str = ""
    key: str = ""
    context: str = ANYWHERE
    where: str = ""
    confirm: bool = False
    prompts: tuple[Prompt, ...] = ()

    def fits(self, context: str) -> bool:
        """Whether it can be used on screens of a context."""
        return self.context in (ANYWHERE, context)

    def filled(self, answers: Mapping[str, str]) -> str:
        """Give the command with what was answered; what the shell would take apart is quoted."""

        def value(found: re.Match[str]) -> str:
            answer = answers.get(found[1])
            if answer is None:
                return found[0]
            return answer if _PLAIN.fullmatch(answer) else shlex.quote(answer)

        return re.sub(r"\{\{\s*(\w+)\s*\}\}", value, self.command)


def load_commands(path: Path) -> tuple[list[SavedCommand], list[str]]:
    """Read the saved commands; never raises for what is in the file.

    Args:
        path: of the settings; a missing file has none.

    Returns:
        The commands, and the problems to show: one with a mistake costs only itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
        entries = tomllib.loads(text).get("commands", [])
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError, RecursionError):
        return [], []  # the settings say so, with the line
    lines = [n for n, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    if not isinstance(entries, list):
        return [], [f"{path}: commands: expected [[commands]]"]
    commands, problems = list[SavedCommand](), list[str]()
    for at, entry in enumerate(entries):
        where = f"{path}:{lines[at]}" if at < len(lines) else str(path)
        try:
            commands.append(_command(entry))
        except UsageError as error:
            problems.append(f"{where}: {error}")
    return commands, problems


def _command(entry: object) -> SavedCommand:
    table = _table(entry, _KEYS, "a command")
    command, task = _text(table, "command"), _text(table, "task")
    if bool(command.strip()) == bool(task.strip()):
        raise UsageError("a command has either 'command' or 'task'")
    context = _text(table, "context") or ANYWHERE
    if context not in CONTEXTS:
        raise UsageError(f"context: expected one of {', '.join(CONTEXTS)}, not {context!r}")
    key = _text(table, "key")
    if key and not _KEY_NAME.fullmatch(key):
        raise UsageError(f"key: expected a key such as 'x' or 'ctrl+e', not {key!r}")
    confirm, prompts = table.get("confirm", False), table.get("prompts", [])
    if not isinstance(confirm, bool):
        raise UsageError("confirm: expected true or false")
    if not isinstance(prompts, list):
        raise UsageError("prompts: expected [[commands.prompts]]")
    return SavedCommand(
        name=_text(table, "name").strip() or (command or task).strip().splitlines()[0],
        command=command,
        task=task,
        key=key,
        context=context,
        where=_text(table, "where"),
        confirm=confirm,
        prompts=tuple(_prompt(prompt) for prompt in prompts),
    )


def _prompt(entry: object) -> Prompt:
    table = _table(entry, _PROMPT_KEYS, "a prompt")
    name = _text(table, "name")
    if not name.isidentifier():
        raise UsageError("a prompt needs a name of letters, such as 'service'")
    if name in VARIABLES:
        raise UsageError(f"a prompt cannot be called {name!r}: that is the host's own")
    choices = table.get("choices", [])
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        raise UsageError(f"prompt {name}: choices: expected a list of texts")
    text = _text(table, "text") or f"{name}?"
    return Prompt(name, text, _text(table, "default"), tuple(choices))


def _table(entry: object, known: Sequence[str], what: str) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise UsageError(f"{what} is a table")
    if unknown := sorted(entry.keys() - set(known)):
        raise UsageError(f"unknown '{unknown[0]}'; known are {', '.join(known)}")
    return entry


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"{key}: expected a text")
    return value


def save_command(path: Path, command: SavedCommand) -> None:
    """Add a command at the end of the settings; what stands there stays as it is. Blocks.

    Args:
        path: of the settings; it is made when it is not there.
        command: without prompts.

    Raises:
        LazytuiError: the file is broken already, or cannot be written.
    """
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        block = "[[commands]]\n" + "".join(
            f"{name} = {toml_value(value)}\n"
            for name in _KEYS[:-1]
            if (value := getattr(command, name)) and (name, value) != ("context", ANYWHERE)
        )
        gap = "" if not old else "\n" if old.endswith("\n") else "\n\n"
        new = f"{old}{gap}{block}"
        tomllib.loads(new)
        _replace(path, new)
    except OSError as error:
        raise LazytuiError(f"{path} was not written: {error.strerror}") from error
    except ValueError as error:
        raise LazytuiError(f"{path} is broken, nothing was added: {error}") from error


def _replace(path: Path, text: str) -> None:
    """Write a file under another name first; a link goes on to lead to it."""
    target = path.resolve()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        raise
