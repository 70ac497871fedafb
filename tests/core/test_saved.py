"""Saved commands in the settings."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from lazytui.core.saved import Prompt, SavedCommand, load_commands, save_command
from lazytui.core.settings import load
from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    from pathlib import Path

RESTART = """\
# mine
[screen]
theme = "light"

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

[[commands]]
task = "prepare.toml"
where = "@train"
"""


def test_commands_are_read_from_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(RESTART)

    commands, problems = load_commands(path)

    assert problems == []
    assert commands == [
        SavedCommand(
            "restart a service",
            "sudo systemctl restart {{service}}",
            key="ctrl+e",
            context="hosts",
            confirm=True,
            prompts=(Prompt("service", "Which service?", choices=("nginx", "docker")),),
        ),
        SavedCommand("prepare.toml", task="prepare.toml", where="@train"),
    ]
    assert [command.fits("tasks") for command in commands] == [False, True]
    assert load(path, {})[1] == ()


def test_what_was_answered_is_filled_in_as_one_word_of_the_shell() -> None:
    saved = SavedCommand("x", "grep {{what}} {{ file }} {{host}}")

    assert saved.filled({"what": "a b", "file": "/etc/hosts"}) == "grep 'a b' /etc/hosts {{host}}"
    assert saved.filled({"what": "$(rm x)", "file": ""}) == "grep '$(rm x)' '' {{host}}"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("name = 'x'", "either 'command' or 'task'"),
        ("command = 'a'\ntask = 'b'", "either 'command' or 'task'"),
        ("command = 3", "command: expected a text"),
        ("command = 'a'\ncontext = 'moon'", "context: expected one of any, hosts, tasks, output"),
        ("command = 'a'\nkey = 'a b'", "key: expected a key"),
        ("command = 'a'\nconfirm = 'yes'", "confirm: expected true or false"),
        ("command = 'a'\nshell = 'b'", "unknown 'shell'; known are name, command"),
        ("command = 'a'\nprompts = [{name = 'a b'}]", "a prompt needs a name"),
        ("command = 'a'\nprompts = [{name = 'host'}]", "cannot be called 'host'"),
        ("command = 'a'\nprompts = [{name = 'x', choices = 'y'}]", "expected a list of texts"),
    ],
)
def test_a_command_with_a_mistake_costs_only_itself(
    tmp_path: Path, entry: str, problem: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[[commands]]\ncommand = 'df'\n[[commands]]\n{entry}\n")

    commands, problems = load_commands(path)

    assert [command.name for command in commands] == ["df"]
    assert problems[0].startswith(f"{path}:3: ")
    assert problem in problems[0]


def test_a_file_that_is_missing_or_broken_has_no_commands(tmp_path: Path) -> None:
    broken = tmp_path / "config.toml"
    broken.write_text("[[commands]")

    assert load_commands(broken) == ([], [])
    assert load_commands(tmp_path / "none.toml") == ([], [])


def test_a_command_is_added_and_all_else_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    new = SavedCommand('say "hi"', "echo hi\nuptime", key="H")

    save_command(path, new)
    path.write_text(RESTART + path.read_text())
    save_command(path, SavedCommand("df", "df", context="hosts"))

    assert path.read_text().startswith(RESTART)
    assert load_commands(path)[0][2:] == [new, SavedCommand("df", "df", context="hosts")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["config.toml"]


def test_nothing_is_added_to_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[[commands]")

    with pytest.raises(LazytuiError, match="broken, nothing was added"):
        save_command(path, SavedCommand("df", "df"))
    assert path.read_text() == "[[commands]"
