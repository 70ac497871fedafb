"""The promises of Files, kept in a real terminal on real sshd hosts.

One file goes to many hosts, is cut in the middle and goes on; a host's file is read, edited,
renamed and deleted, and somebody else's change is never written over.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_promises import command_line, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.test_promises import TerminalFactory
    from tests.sshd import SSHFarm

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]

MIB = 1 << 20


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_file_goes_to_many_hosts_is_cut_in_the_middle_and_goes_on(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    hosts = [farm.add(name) for name in ("node01", "node02", "node03")]
    piece = os.urandom(MIB)
    with (farm.home / "big").open("wb") as big:
        for _ in range(300):
            big.write(piece)
    terminal = start(farm, tmux_factory, size=(110, 30))
    terminal.wait_for("3 up")

    terminal.type("4")
    terminal.wait_for("big")
    terminal.type("j")
    terminal.type("C")
    terminal.wait_for("Send big to")
    terminal.type("node[01-03]")
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"\d+%"))
    hosts[1].pause()
    terminal.type("t")
    terminal.wait_for("Files › Transfers")
    terminal.wait_for(re.compile(r"node01 +✓ done"), 60)
    terminal.wait_for(re.compile(r"node03 +✓ done"), 60)
    terminal.wait_for(re.compile(r"node02 +▸ moving"))
    screen = terminal.screen()
    rows = [row for row in screen if re.search(r"big .*node0", row)]
    place = next(at for at, row in enumerate(rows) if "node02" in row)
    terminal.type("g" + "j" * place)
    terminal.type("x")
    terminal.wait_for("Stop")
    terminal.type("i")
    terminal.wait_for(re.compile(r"node02 +✗ cancelled"))
    hosts[1].resume()
    terminal.wait_for("r go on")
    terminal.type("r")
    terminal.wait_for(re.compile(r"node02 +✓ done"), 60)
    terminal.send("C-q")
    assert terminal.wait_exit() == 0

    whole = (farm.home / "big").read_bytes()
    for host in hosts:
        assert (host.home / "big").read_bytes() == whole


def test_a_hosts_file_is_read_edited_renamed_and_deleted(
    farm: SSHFarm, tmux_factory: TerminalFactory, tmp_path: Path
) -> None:
    host = farm.add("node01")
    (host.home / "notes").write_text("old text\n\x1b]0;evil\x07\n")
    (host.home / "notes").chmod(0o640)
    (host.home / "folder").mkdir()
    (host.home / "folder" / "away").symlink_to(tmp_path)
    (tmp_path / "kept").write_text("x")
    editor = script(tmp_path / "editor", 'echo "edited here" >> "$1"')
    terminal = start(farm, tmux_factory, EDITOR=editor)
    terminal.wait_for("1 up")

    terminal.type("4")
    terminal.wait_for("notes")
    terminal.send("Tab")
    terminal.type("G")
    terminal.send("Enter")
    terminal.wait_for("old text")
    terminal.type("q")
    terminal.wait_for("folder/")
    terminal.type("e")
    terminal.wait_for("notes on node01 is written")
    assert (host.home / "notes").read_text().endswith("edited here\n")
    assert (host.home / "notes").stat().st_mode & 0o777 == 0o640

    terminal.type("m")
    terminal.wait_for("Rename or move")
    terminal.type(".old")
    terminal.send("Enter")
    terminal.wait_gone("Rename or move")
    terminal.wait_for("notes.old")
    assert (host.home / "notes.old").exists()

    terminal.type("*")
    terminal.type("D")
    terminal.wait_for("Delete 2 files and folders on node01?")
    terminal.type("y")
    terminal.wait_for("3 entries are gone on node01")
    terminal.wait_gone("notes.old")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0
    assert [path.name for path in host.home.iterdir() if not path.name.startswith(".")] == []
    assert (tmp_path / "kept").exists()


def test_somebody_elses_change_is_not_written_over(
    farm: SSHFarm, tmux_factory: TerminalFactory, tmp_path: Path
) -> None:
    host = farm.add("node01")
    notes = host.home / "notes"
    notes.write_text("old\n")
    editor = script(tmp_path / "editor", f'echo mine >> "$1"; echo theirs > {notes}')
    terminal = start(farm, tmux_factory, EDITOR=editor)
    terminal.wait_for("1 up")

    terminal.type("4")
    terminal.wait_for("notes")
    terminal.send("Tab")
    terminal.type("G")
    terminal.wait_for("e edit")
    terminal.type("e")
    terminal.wait_for("notes has changed")
    assert notes.read_text() == "theirs\n"
    terminal.type("o")
    terminal.wait_for("notes on node01 is written")
    assert notes.read_text() == "old\nmine\n"
    terminal.send("C-q")
    assert terminal.wait_exit() == 0


def test_a_folder_is_sent_and_got_from_the_command_line(farm: SSHFarm, tmp_path: Path) -> None:
    hosts = [farm.add("node01"), farm.add("node02")]
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "deep" / "file").write_text("x")

    command_line(farm, "send", str(tmp_path / "src"), "data/", "-w", "node[01-02]")
    for host in hosts:
        assert (host.home / "data" / "src" / "deep" / "file").read_text() == "x"
    command_line(farm, "get", "data/src", f"{tmp_path}/back/", "-w", "node[01-02]")
    assert (tmp_path / "back" / "node02" / "src" / "deep" / "file").read_text() == "x"
