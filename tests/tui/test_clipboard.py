"""Copying promises what it did: a request to the terminal, and a file."""

from __future__ import annotations

import base64
import os
import re
import stat
import sys
from pathlib import Path

import pytest

from lazytui.core.paths import Paths
from lazytui.tui.clipboard import FILE_NAME, TERMINAL_LIMIT_BYTES, copy
from tests.tui.fake_engine import lab
from tests.tui.seen import shown

ROOT = Path(__file__).parents[2]


def kept() -> Path:
    return Paths.of_user().state_dir / FILE_NAME


@pytest.fixture
def written(monkeypatch):
    """What goes to the terminal of an app from now on."""

    def watch(app) -> list[str]:
        sequences: list[str] = []
        monkeypatch.setattr(app._driver, "write", sequences.append)
        return sequences

    return watch


async def test_the_text_is_sent_to_the_terminal_and_kept_in_a_file_of_the_users_alone(written):
    async with shown(lab()) as pilot:
        sequences = written(pilot.app)

        said = copy(pilot.app, "gpu[01-03]\nüber 主机")

        encoded = base64.b64encode("gpu[01-03]\nüber 主机".encode()).decode()
        assert sequences == [f"\x1b]52;c;{encoded}\a"]
        assert kept().read_text() == "gpu[01-03]\nüber 主机"
        assert stat.S_IMODE(kept().stat().st_mode) == 0o600
        assert said.startswith("Sent to your terminal's clipboard; also in ~/")


async def test_tmux_is_asked_in_both_ways_it_may_know_and_the_user_told(written):
    async with shown(lab()) as pilot:
        sequences = written(pilot.app)

        said = copy(pilot.app, "x", environ={**os.environ, "TMUX": "/tmp/tmux-0/default,1,0"})

        assert sequences == [
            "\x1b]52;c;eA==\a",
            "\x1bPtmux;\x1b\x1b]52;c;eA==\a\x1b\\",
        ]
        assert "set-clipboard on" in said


async def test_a_text_too_long_for_a_terminal_goes_to_the_file_only(written):
    async with shown(lab()) as pilot:
        sequences = written(pilot.app)

        said = copy(pilot.app, "x" * (TERMINAL_LIMIT_BYTES + 1))

        assert sequences == []
        assert said.startswith("73K is too long for a terminal's clipboard; also in ")
        assert kept().stat().st_size == TERMINAL_LIMIT_BYTES + 1


async def test_a_file_that_cannot_be_written_is_told(written):
    kept().parent.mkdir(parents=True)
    kept().symlink_to("/dev/null")
    async with shown(lab()) as pilot:
        sequences = written(pilot.app)

        said = copy(pilot.app, "x")

        assert len(sequences) == 1
        assert "no file has it: clipboard.txt: " in said


async def test_what_is_not_text_is_copied_as_a_question_mark_instead_of_failing(written):
    async with shown(lab()) as pilot:
        written(pilot.app)
        copy(pilot.app, "a\ud800b")
        assert kept().read_text() == "a?b"


COPYING = """
import asyncio
from lazytui.tui.app import LazytuiApp
from lazytui.tui.clipboard import copy
from tests.tui.fake_engine import lab
class App(LazytuiApp):
    def on_ready(self):
        self.call_after_refresh(lambda: self.notify(copy(self, "from lazytui")))
asyncio.run(App(lab()).run_async())
"""


@pytest.mark.tmux
@pytest.mark.parametrize("setting", ["set-clipboard on", "allow-passthrough on"])
def test_a_tmux_that_allows_it_passes_the_text_on(setting, tmux_factory, tmp_path):
    """The outer terminal is a second tmux, which takes OSC 52 into its own buffer."""
    inner = f"tmux -S {tmp_path}/inner -f /dev/null"
    command = f"{sys.executable} -c '{COPYING}'"
    script = tmp_path / "inside.sh"
    script.write_text(f"#!/bin/sh\nexec {command}\n")
    script.chmod(0o700)
    outer = tmux_factory((80, 24), {**os.environ, "PYTHONPATH": str(ROOT)})
    outer.start(
        f"{inner} new-session -d {script} ';' set -g {setting} ';' "
        "set -as terminal-features ',*:clipboard' ; "
        f"exec {inner} attach"
    )
    try:
        outer._tmux("set", "-g", "set-clipboard", "on")
        outer.wait_for("also in")
        assert re.search("from lazytui", outer._tmux("show-buffer"))
    finally:
        os.system(f"{inner} kill-server")
