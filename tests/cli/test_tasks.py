"""``lazytui tasks``, ``logs`` and ``stop``: what ran, what it said, and how to end it."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from tests.engines import lazytui, lazytui_here, lazytui_started

if TYPE_CHECKING:
    import pytest

    from tests.sshd import SSHFarm

KEYS = [
    "task_id", "name", "run_id", "host", "state", "exit_status", "started", "ended", "spool"
]  # fmt: skip


def ran(farm: SSHFarm, where: str, command: str, *options: str) -> list[dict[str, str]]:
    """Run a command to its end; gives the objects of ``run --json``."""
    done = lazytui(farm, "run", "--json", "-w", where, *options, "--", command)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_tasks_are_listed_newest_first_with_exactly_the_promised_keys(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add_refused("dead")
    ran(farm, "gpu01,dead", "echo first")
    ran(farm, "gpu01", "exit 3")

    listed = lazytui(farm, "tasks")
    found = json.loads(lazytui(farm, "tasks", "--json").stdout)
    newest = json.loads(lazytui(farm, "tasks", "--json", "-n", "1").stdout)

    assert [(row["task_id"], row["host"], row["state"], row["exit_status"]) for row in found] == [
        (2, "gpu01", "failed", 3),
        (1, "gpu01", "succeeded", 0),
        (1, "dead", "failed", None),
    ]
    assert all(list(row) == KEYS for row in found)
    assert found[0]["name"] == "exit 3"
    assert found[0]["ended"] >= found[0]["started"]
    assert newest == found[:1]
    assert listed.stdout.decode().splitlines()[0].split() == [
        "TASK", "RUN", "STATE", "HOST", "TIME", "WHAT"
    ]  # fmt: skip
    assert listed.stdout.decode().splitlines()[3].endswith("not reached: refused")


def test_without_tasks_it_says_how_to_make_one(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")

    done = lazytui(farm, "tasks")

    assert (done.returncode, done.stdout) == (0, b"")
    assert b"lazytui run" in done.stderr
    assert json.loads(lazytui(farm, "tasks", "--json").stdout) == []


def test_an_id_is_a_task_a_task_on_a_host_or_the_begin_of_a_run_id(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add("gpu02")
    first, second = ran(farm, "gpu[01-02]", "echo $HOME | grep -o gpu..")
    by_host = {row["host"]: row["run_id"] for row in (first, second)}

    task = lazytui(farm, "logs", "1")
    one = lazytui(farm, "logs", "1@gpu02")
    prefix = lazytui(farm, "logs", by_host["gpu01"][:12])

    assert sorted(task.stdout.splitlines()) == [b"gpu01: gpu01", b"gpu02: gpu02"]
    assert one.stdout == b"gpu02\n"
    assert prefix.stdout == b"gpu01\n"


def test_an_id_that_fits_nothing_is_a_usage_error(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add_refused("gpu01")
    ran(farm, "gpu01", "true")

    for command in (["logs"], ["logs", "-f"], ["stop"]):
        for text in ("7", "1@nowhere", "ffffffff", "no-id", ""):
            code, out, err = lazytui_here(farm, monkeypatch, capfd, *command, text)
            assert (code, out) == (2, ""), (command, text)
            assert "no task or run" in err


def test_a_begin_that_fits_several_runs_is_a_usage_error(farm: SSHFarm) -> None:
    farm.add_refused("node1")
    farm.add_refused("node2")
    runs = [row["run_id"] for row in ran(farm, "node[1-2]", "true")]
    alike(farm, runs)

    done = lazytui(farm, "logs", "abcdef")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"fits 2 runs" in done.stderr


def alike(farm: SSHFarm, runs: list[str]) -> None:
    """Give runs ids with the same begin."""
    (path,) = (farm.home / ".local/state/lazytui").glob("*/journal.db")
    with sqlite3.connect(path) as connection:
        for number, run_id in enumerate(runs):
            new = f"abcdef{number}" + run_id[7:]
            connection.execute("UPDATE runs SET run_id = ? WHERE run_id = ?", (new, run_id))
    connection.close()


def test_logs_are_byte_exact_in_a_pipe(farm: SSHFarm) -> None:
    farm.add("gpu01")
    octal = "".join(f"\\{value:03o}" for value in range(256))
    ran(farm, "gpu01", f"printf '{octal}'")

    for words in (["logs", "1"], ["logs", "-f", "1"]):
        assert lazytui(farm, *words).stdout == bytes(range(256))


def test_logs_are_found_by_the_name_of_the_newest_task_that_has_it(farm: SSHFarm) -> None:
    hosts = [farm.add("gpu01"), farm.add("gpu02")]
    for word in ("old", "new"):
        for host in hosts:
            (host.home / "word").write_text(f"{word} on {host.name}\n")
        lazytui(farm, "run", "-w", "gpu01,gpu02", "--", "cat word")

    both = lazytui(farm, "logs", "cat word").stdout.decode().splitlines()
    one = lazytui(farm, "logs", "-f", "cat word@gpu02").stdout.decode()

    assert [line.partition("new on ")[2] for line in sorted(both)] == ["gpu01", "gpu02"]
    assert one == "new on gpu02\n"
    for none in ("none", "cat word@gpu09"):
        assert b"no task or run " + none.encode() in lazytui(farm, "logs", none).stderr


def test_logs_of_a_run_that_goes_on_show_what_there_is_or_follow_it(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    with lazytui_started(
        farm, "run", "-w", "gpu01", "--",
        "echo one; until test -e go; do sleep 0.02; done; echo two; exit 2",
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"one\n"
        so_far = lazytui(farm, "logs", "1")
        with lazytui_started(farm, "logs", "-f", "1") as following:
            assert following.stdout is not None
            assert following.stdout.readline() == b"one\n"
            (host.home / "go").touch()
            rest, told = following.communicate(timeout=30)
        owner.wait(30)

    assert (so_far.stdout, so_far.returncode) == (b"one\n", 0)
    assert (rest, following.returncode) == (b"two\n", 1)
    assert told == b"lazytui: gpu01: failed: exit 2\n"


def test_following_takes_over_when_the_owner_dies(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    command = "echo one; until test -e go; do sleep 0.02; done; echo two; exit 2"
    with lazytui_started(farm, "run", "-w", "gpu01", "--", command) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        with lazytui_started(farm, "logs", "-f", "1") as following:
            assert following.stdout is not None
            assert following.stdout.readline() == b"one\n"
            owner.kill()
            (host.home / "go").touch()
            rest, _ = following.communicate(timeout=30)

    assert (rest, following.returncode) == (b"two\n", 1)


def test_logs_of_a_run_whose_host_is_gone_show_what_came_before(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    with lazytui_started(farm, "run", "-w", "gpu01", "--", "echo one; exec sleep 60") as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.kill()
    host.stop()

    logs = lazytui(farm, "logs", "1")
    (task,) = json.loads(lazytui(farm, "tasks", "--json").stdout)
    stop = lazytui(farm, "stop", "1")

    assert (logs.stdout, logs.returncode) == (b"one\n", 0)
    assert task["state"] == "running"  # only its host can say something else
    assert stop.returncode == 3
    assert b"gpu01: not reached: refused" in stop.stderr


def test_a_stopped_run_is_cancelled_and_a_second_stop_says_that_it_has_ended(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    lazytui(farm, "run", "--detach", "-w", "gpu01", "--", "exec sleep 60")

    first = lazytui(farm, "stop", "1", "--signal", "SIGTERM")
    (task,) = json.loads(lazytui(farm, "tasks", "--json").stdout)
    second = lazytui(farm, "stop", "1")

    assert (first.returncode, first.stdout) == (0, b"gpu01: TERM sent\n")
    assert (task["state"], task["exit_status"]) == ("cancelled", 143)
    assert (second.returncode, second.stdout) == (0, b"")
    assert b"has ended already" in second.stderr


def test_a_run_that_does_not_heed_the_first_stop_is_killed_by_the_second(farm: SSHFarm) -> None:
    farm.add("gpu01")
    command = "trap '' INT; echo deaf; exec sleep 60"
    lazytui(farm, "run", "--detach", "-w", "gpu01", "--", command)
    while b"deaf" not in lazytui(farm, "logs", "1").stdout:
        pass  # INT must not come before the trap is set

    first = lazytui(farm, "stop", "1")
    second = lazytui(farm, "stop", "1")
    (task,) = json.loads(lazytui(farm, "tasks", "--json").stdout)

    assert first.stdout == b"gpu01: INT sent\n"
    assert second.stdout == b"gpu01: KILL sent\n"
    assert (task["state"], task["exit_status"]) == ("cancelled", 137)


def test_a_signal_that_is_none_is_a_usage_error_and_ends_nothing(farm: SSHFarm) -> None:
    farm.add("gpu01")
    lazytui(farm, "run", "--detach", "-w", "gpu01", "--", "exec sleep 60")

    done = lazytui(farm, "stop", "1", "--signal", "STOP")

    assert done.returncode == 2
    assert b"no signal STOP" in done.stderr
    assert lazytui(farm, "stop", "1", "--signal", "KILL").returncode == 0
