"""Whole chunks of keys, sent to a real terminal before anything of them is to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_files import script
from tests.e2e.test_promises import newest_run, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.test_promises import TerminalFactory
    from tests.sshd import SSHFarm

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]


def test_the_last_file_of_a_host_is_edited_by_keys_sent_from_hosts_in_one_chunk(
    farm: SSHFarm, tmux_factory: TerminalFactory, tmp_path: Path
) -> None:
    host = farm.add("node01")
    for name in ("first", "last"):
        (host.home / name).write_text(f"{name}\n")
    editor = script(tmp_path / "editor", 'echo "edited here" >> "$1"')
    terminal = start(farm, tmux_factory, EDITOR=editor)
    terminal.wait_for("1 up")

    terminal.type("4\tGe")
    terminal.wait_for("last on node01 is written")
    assert (host.home / "last").read_text() == "last\nedited here\n"
    assert (host.home / "first").read_text() == "first\n"
    terminal.type("gjm\x15renamed\r")
    terminal.wait_for("renamed")
    terminal.wait_gone("first")
    assert (host.home / "renamed").read_text() == "first\n"
    terminal.send("C-q")
    assert terminal.wait_exit() == 0


def test_forms_and_menus_get_what_is_typed_into_them_before_they_are_seen(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    for name in ("node01", "node02"):
        farm.add(name)
    terminal = start(farm, tmux_factory)
    terminal.wait_for("2 up")

    # sorted by name the other way round: the first row is node02; only there it runs
    terminal.type("onOgrecho here\r")
    terminal.wait_for("✓")
    assert newest_run(farm)["host"] == "node02"
    terminal.send("C-q")
    assert terminal.wait_exit() == 0


def test_a_task_is_made_step_by_step_and_run_in_one_chunk(
    farm: SSHFarm, tmux_factory: TerminalFactory, tmp_path: Path
) -> None:
    host = farm.add("node01")
    source = tmp_path / "in.csv"
    source.write_text("1,2\n")
    terminal = start(farm, tmux_factory)
    terminal.wait_for("1 up")

    terminal.type(f"2narwc -l in.csv > {host.home}/counted\ras{source}\t./\rKrnode01\r")
    terminal.wait_for("✓")
    assert (host.home / "counted").read_text().split() == ["1", "in.csv"]
    terminal.send("C-q")
    assert terminal.wait_exit() == 0
