"""``lazytui run`` with conditions, after other tasks, and from task files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engines import lazytui

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.sshd import SSHFarm


@pytest.fixture
def two(farm: SSHFarm) -> SSHFarm:
    farm.add("gpu01")
    farm.add("gpu02")
    return farm


def rows(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_run_after_a_task_that_is_over_starts_and_after_a_failed_one_it_does_not(
    two: SSHFarm,
) -> None:
    lazytui(two, "run", "-w", "gpu01", "--", "exit 3")

    after = lazytui(two, "run", "-w", "gpu02", "--after", "#1", "--json", "--", "echo here")
    only_if = lazytui(two, "run", "-w", "gpu02", "--after", "1", "--after-ok", "--", "touch ran")
    unknown = lazytui(two, "run", "-w", "gpu02", "--after", "99", "--", "true")

    assert (after.returncode, rows(after)[0]["output"]) == (0, "here\n")
    assert only_if.returncode == 1
    assert b"not started, as #1 failed on gpu01" in only_if.stderr
    assert not (two.hosts["gpu02"].home / "ran").exists()
    assert (unknown.returncode, b"no task #99" in unknown.stderr) == (2, True)


def test_a_condition_chooses_a_host_that_fulfils_it(two: SSHFarm) -> None:
    (two.hosts["gpu02"].home / "ready").touch()
    needs = 'cmd:"test -e $HOME/ready && echo true" mem>1M'

    done = lazytui(two, "run", "--least-busy", "--when", needs, "--json", "--", "echo $HOME")

    listed = lazytui(two, "tasks").stdout.decode()

    assert done.returncode == 0, done.stderr
    assert rows(done)[0]["host"] == "gpu02"
    assert b"gpu02 chosen: 0 runs" in done.stderr
    assert "chosen: 0 runs" in listed


def test_a_dry_run_names_the_hosts_and_why(two: SSHFarm) -> None:
    lazytui(two, "run", "-w", "gpu01", "--", "true")
    words = ("run", "--least-busy", "--when", "mem>1M !host:gpu01", "--after", "1", "--dry-run")

    told = lazytui(two, *words, "--", "touch ran").stdout.decode().splitlines()
    found = rows(lazytui(two, *words, "--json", "--", "touch ran"))

    assert told[0].split() == ["BATCH", "HOST", "WHY"]
    assert "gpu01" in told[1]
    assert "would wait: " in told[1]
    assert "fits now: 0 runs, " in told[2]
    assert told[3:] == ["starts when #1 is over", "would run on gpu02"]
    assert [(row["host"], row["chosen"]) for row in found] == [("gpu01", False), ("gpu02", True)]
    assert not (two.hosts["gpu02"].home / "ran").exists()


def test_a_task_file_runs_its_steps_filled_in_for_each_host(two: SSHFarm, tmp_path: Path) -> None:
    file = tmp_path / "task.toml"
    file.write_text("""\
name = "greet"
where = "gpu[01-02]"

[[steps]]
run = "echo $WHO from {{host}} > said-{{index}}"
env = { WHO = "{{user}}" }

[[steps]]
run = "cat said-{{index}}; ls | wc -l"
""")

    done = lazytui(two, "run", "--task", str(file), "--json")
    listed = json.loads(lazytui(two, "tasks", "--json").stdout)

    assert done.returncode == 0, done.stderr
    assert {row["host"]: row["output"] for row in rows(done)} == {
        host: f"{two.user} from {host}\n1\n" for host in ("gpu01", "gpu02")
    }
    assert {row["name"] for row in listed} == {"greet"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--task", "none.toml"), "none.toml: No such file"),
        (("--task", "none.toml", "--", "df"), "--task has its own steps"),
        (("--after-ok", "--", "df"), "--after-ok says more of --after"),
        (("--after", "x", "--", "df"), "--after takes the number of a task, not 'x'"),
        (("--when", "gpu>=", "--", "df"), "cannot read the condition"),
    ],
)
def test_what_cannot_be_is_a_usage_error(two: SSHFarm, words: tuple[str, ...], told: str) -> None:
    done = lazytui(two, "run", "-w", "gpu01", *words)

    assert (done.returncode, told in done.stderr.decode()) == (2, True), done.stderr
