"""``lazytui run`` in batches, with a time limit, with a stop at the first failure, and dry."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from lazytui.core.journal import read_journal
from tests.engines import lazytui, lazytui_started, paths_of

if TYPE_CHECKING:
    import subprocess

    from tests.sshd import SSHFarm

NAMES = ["gpu01", "gpu02", "gpu03"]


@pytest.fixture(autouse=True)
def _hosts(farm: SSHFarm) -> None:
    for name in NAMES:
        farm.add(name)


def run(
    farm: SSHFarm, *words: str, command: str = "true", where: str = "gpu[01-03]"
) -> subprocess.CompletedProcess[bytes]:
    return lazytui(farm, "run", "-w", where, *words, "--", command)


def states(farm: SSHFarm) -> list[tuple[str, str, str]]:
    with read_journal(paths_of(farm).journal) as journal:
        assert journal is not None
        return [(record.host, record.state, record.reason) for record in journal.records()]


@pytest.mark.parametrize("words", [("--one-at-a-time",), ("--batch", "1")])
def test_one_host_after_the_other(farm: SSHFarm, words: tuple[str, ...]) -> None:
    done = run(farm, "--json", *words, command="date +%s.%N; sleep 0.2; date +%s.%N")

    results = [json.loads(line) for line in done.stdout.splitlines()]
    times = [[float(word) for word in result["output"].split()] for result in results]
    assert (done.returncode, done.stderr) == (0, b"")
    assert [result["host"] for result in results] == NAMES
    assert times[0][1] <= times[1][0]
    assert times[1][1] <= times[2][0]


def test_a_failure_stops_what_has_not_started(farm: SSHFarm) -> None:
    done = run(farm, "--batch", "1", "--stop-on-failure", command="echo x >>trace; exit 3")

    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()) == [
        b"lazytui: gpu01: failed: exit 3",
        b"lazytui: gpu02: cancelled: not started, as gpu01 failed with exit 3",
        b"lazytui: gpu03: cancelled: not started, as gpu01 failed with exit 3",
    ]
    assert not (farm.hosts["gpu02"].home / "trace").exists()


def test_a_run_is_ended_when_its_time_is_over(farm: SSHFarm) -> None:
    done = run(farm, "--timeout", "0.5s", "--json", where="gpu01", command="exec sleep 60")

    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert (result["state"], result["exit_status"]) == ("failed", 130)
    assert result["reason"] == "timed out after 0.5 s"


def test_a_task_is_ended_when_its_time_is_over(farm: SSHFarm) -> None:
    done = run(farm, "--batch", "1", "--task-timeout", "0.5s", "--json", command="exec sleep 60")

    results = {
        result["host"]: (result["state"], result["reason"])
        for result in map(json.loads, done.stdout.splitlines())
    }
    over = "the time of its task, 0.5 s, was over"
    assert done.returncode == 1
    assert results == {
        "gpu01": ("failed", f"timed out: {over}"),
        "gpu02": ("cancelled", f"not started: {over}"),
        "gpu03": ("cancelled", f"not started: {over}"),
    }


def test_an_interrupt_also_ends_those_whose_turn_has_not_come(farm: SSHFarm) -> None:
    words = ["run", "-w", "gpu[01-03]", "--one-at-a-time", "--", "echo up; exec sleep 60"]

    with lazytui_started(farm, *words) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"gpu01: up\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130

    assert states(farm) == [
        ("gpu01", "cancelled", "stopped (killed by SIGINT)"),
        ("gpu02", "cancelled", "cancelled before it started"),
        ("gpu03", "cancelled", "cancelled before it started"),
    ]


def test_batches_that_a_killed_command_left_are_taken_up_by_the_next(farm: SSHFarm) -> None:
    words = ["run", "-w", "gpu[01-03]", "--one-at-a-time", "--", "echo up; sleep 0.5"]
    with lazytui_started(farm, *words) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"gpu01: up\n"
        running.kill()

    followed = lazytui(farm, "logs", "-f", "1")

    assert followed.returncode == 0, followed.stderr
    assert sorted(followed.stdout.splitlines()) == [b"%s: up" % n.encode() for n in NAMES]
    assert [state for _, state, _ in states(farm)] == ["succeeded"] * 3


def test_a_dry_run_tells_the_batches_and_runs_nothing(farm: SSHFarm) -> None:
    farm.add_refused("gpu04")

    done = run(farm, "--dry-run", "--batch", "2", "--json", where="gpu[01-04]", command="touch no")
    told = run(farm, "--dry-run", where="gpu04,gpu01", command="touch no")

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3
    assert [(row["host"], row["batch"]) for row in rows] == [
        ("gpu01", 1), ("gpu02", 1), ("gpu03", 2), ("gpu04", 2)
    ]  # fmt: skip
    assert [row["state"] for row in rows] == ["active"] * 3 + ["inactive"]
    assert rows[3]["caution"] == "down (refused)"
    assert b"gpu04  down (refused)" in told.stdout
    assert not (farm.hosts["gpu01"].home / "no").exists()
    assert states(farm) == []


def test_the_least_busy_is_named_with_the_reason(farm: SSHFarm) -> None:
    done = run(farm, "--least-busy")

    assert done.returncode == 0
    assert done.stderr.startswith(b"lazytui: least busy: gpu0")
    assert b"(0 runs, " in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--batch", "0"], b"--batch takes 1 or more, not 0"),
        (["--batch", "2", "--least-busy"], b"not allowed with"),
        (["--timeout", "soon"], b"expected a time such as 30s, 5m or 2h, not 'soon'"),
        (["--task-timeout", "5", "--detach"], b"with --detach nobody is left to end it"),
        (["--timeout", "5", "--detach"], b"with --detach nobody is left to end it"),
    ],
)
def test_what_cannot_be_is_a_usage_error(farm: SSHFarm, words: list[str], told: bytes) -> None:
    done = run(farm, *words)

    assert done.returncode == 2
    assert told in done.stderr
