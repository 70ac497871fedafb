"""``lazytui send`` and ``lazytui get``: what they move, print and exit with."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from lazytui.commands.files import progress_words
from lazytui.core.transfer.progress import Progress
from tests.engines import lazytui, lazytui_here

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

Here = pytest.MonkeyPatch
Capture = pytest.CaptureFixture[str]


def test_a_file_is_sent_to_all_and_told_in_a_line_each(
    farm: SSHFarm, tmp_path: Path, monkeypatch: Here, capfd: Capture
) -> None:
    hosts = [farm.add(name) for name in ("gpu01", "gpu02")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_bytes(b"x" * 2048)

    code, out, err = lazytui_here(farm, monkeypatch, capfd, "send", "data", "-w", "gpu[01-02]")

    assert code == 0
    assert err == ""
    assert sorted(out.splitlines()) == [
        f"{host.name}: 1 file, 2.0K -> {host.home}/data" for host in hosts
    ]
    assert all((host.home / "data").read_bytes() == b"x" * 2048 for host in hosts)


def test_several_things_go_into_the_folder_that_comes_last(
    farm: SSHFarm, tmp_path: Path, monkeypatch: Here, capfd: Capture
) -> None:
    host = farm.add("gpu01")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "2").write_text("2")

    code, _, _ = lazytui_here(
        farm, monkeypatch, capfd, "send", "one", "two", "there", "-w", "gpu01"
    )

    assert code == 0
    assert (host.home / "there" / "one").read_text() == "1"
    assert (host.home / "there" / "two" / "2").read_text() == "2"


def test_gets_land_in_a_folder_for_each_host_and_are_told_as_json(
    farm: SSHFarm, tmp_path: Path, monkeypatch: Here, capfd: Capture
) -> None:
    for name in ("gpu01", "gpu02"):
        (farm.add(name).home / "run").mkdir()
        (farm.hosts[name].home / "run" / "log").write_text(name)
    monkeypatch.chdir(tmp_path)

    code, out, _ = lazytui_here(
        farm, monkeypatch, capfd, "get", "run", "logs", "-w", "gpu01,gpu02", "--json"
    )

    rows = sorted((json.loads(line) for line in out.splitlines()), key=lambda row: row["host"])
    assert code == 0
    assert [(row["host"], row["state"], row["files"], row["bytes"]) for row in rows] == [
        ("gpu01", "succeeded", 1, 5),
        ("gpu02", "succeeded", 1, 5),
    ]
    assert rows[0]["targets"] == [f"{tmp_path}/logs/gpu01/run"]
    assert (tmp_path / "logs" / "gpu02" / "run" / "log").read_text() == "gpu02"


def test_a_failed_transfer_exits_1_and_an_unreached_host_3(
    farm: SSHFarm, tmp_path: Path, monkeypatch: Here, capfd: Capture
) -> None:
    farm.add("gpu01")
    farm.add_refused("down")

    failed = lazytui_here(farm, monkeypatch, capfd, "get", "none", str(tmp_path), "-w", "gpu01")
    away = lazytui_here(farm, monkeypatch, capfd, "get", "none", str(tmp_path), "-w", "*")

    assert failed[0] == 1
    assert "gpu01: failed: none: No such file or directory" in failed[2].replace(
        f"{farm.hosts['gpu01'].home}/", ""
    )
    assert away[0] == 3


def test_what_is_not_here_is_said_before_anything_is_done(
    farm: SSHFarm, tmp_path: Path, monkeypatch: Here, capfd: Capture
) -> None:
    farm.add("gpu01")

    code, out, err = lazytui_here(farm, monkeypatch, capfd, "send", "none", "-w", "gpu01")

    assert code == 2
    assert out == ""
    assert "none: No such file or directory" in err


def test_a_name_that_is_no_text_is_sent(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    path = os.fsencode(tmp_path) + b"/caf\xe9"
    with open(path, "wb") as file:
        file.write(b"odd")

    done = lazytui(farm, "send", os.fsdecode(path), "-w", "gpu01")

    assert done.returncode == 0, done.stderr
    with open(os.fsencode(host.home) + b"/caf\xe9", "rb") as file:
        assert file.read() == b"odd"


def test_names_that_act_on_terminals_are_told_without_doing_so(
    farm: SSHFarm, tmp_path: Path, monkeypatch: Here, capfd: Capture
) -> None:
    there = farm.add("gpu01").home / "run"
    there.mkdir()
    os.mkfifo(there / "\x1b]52;c;ZXZpbA==\x07pipe\x1b[2J")
    (there / "\x1b]0;owned\x07log").write_text("x")
    (tmp_path / "here" / "run" / "\x1b]0;owned\x07log").mkdir(parents=True)  # in the way

    code, out, err = lazytui_here(
        farm, monkeypatch, capfd, "get", "run", f"{tmp_path}/here/", "-w", "gpu01"
    )

    assert code == 1
    assert "skipped: pipe: a FIFO" in out
    assert "failed: log: a folder is in the way" in out + err
    assert "\x1b" not in out + err


def test_how_far_a_transfer_is_reads_as_one_line() -> None:
    progress = Progress(
        "id", "gpu01", True, "a", "b", "moving", done=620 << 20, total=1000 << 20, rate=41 << 20
    )

    assert progress_words(progress) == "62%  620M of 1.0G  41M/s  9s left"
