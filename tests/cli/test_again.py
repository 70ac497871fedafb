"""``lazytui again``: a task run again everywhere, where it failed, elsewhere, or stopped first."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.engines import lazytui, lazytui_started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm


def hosts_of(farm: SSHFarm, *words: str) -> dict[str, str]:
    """Carry out a command with ``--json``; gives the state by host."""
    done = lazytui(farm, *words, "--json")
    return {row["host"]: row["state"] for row in map(json.loads, done.stdout.splitlines())}


def wait_for(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} never came")


def test_a_task_runs_again_everywhere_where_it_failed_or_on_other_hosts(farm: SSHFarm) -> None:
    for name in ("gpu01", "gpu02", "gpu03"):
        farm.add(name)
    (farm.hosts["gpu01"].home / "well").touch()
    lazytui(farm, "run", "-w", "gpu[01-02]", "--", "test -e well")

    everywhere = hosts_of(farm, "again", "1")
    (farm.hosts["gpu02"].home / "well").touch()
    failed = hosts_of(farm, "again", "1", "--failed")
    elsewhere = hosts_of(farm, "again", "1", "-w", "gpu03")
    one = hosts_of(farm, "again", "1@gpu01")

    assert everywhere == {"gpu01": "succeeded", "gpu02": "failed"}
    assert failed == {"gpu02": "succeeded"}
    assert elsewhere == {"gpu03": "failed"}
    assert one == {"gpu01": "succeeded"}


def test_it_shows_the_output_and_gives_the_exit_code_of_a_run(farm: SSHFarm) -> None:
    farm.add("gpu01")
    lazytui(farm, "run", "-w", "gpu01", "--", "echo out; exit 7")

    done = lazytui(farm, "again", "1", "--maxrc")

    assert (done.returncode, done.stdout) == (7, b"out\n")


def test_with_stop_what_still_runs_is_ended_first_with_kill_if_it_must_be(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    command = "trap '' INT; echo $$ >>pids; [ -e again ] || while :; do sleep 0.05; done"
    with lazytui_started(farm, "run", "-w", "gpu01", "--", command) as running:
        wait_for(host.home / "pids")
        (host.home / "again").touch()

        done = lazytui(farm, "again", "1", "--stop")

        assert running.wait(30) == 1
    first = json.loads(lazytui(farm, "tasks", "--json").stdout)[1]
    assert done.returncode == 0
    assert (first["task_id"], first["state"], first["exit_status"]) == (1, "cancelled", 137)
    assert len((host.home / "pids").read_text().split()) == 2


def test_what_cannot_be_run_again_is_a_usage_error(farm: SSHFarm) -> None:
    farm.add("gpu01")
    lazytui(farm, "run", "-w", "gpu01", "--timeout", "60", "--", "true")

    for words, problem in (
        (["7"], b"no task or run 7"),
        (["1", "--failed"], b"nothing of 1 has failed"),
        (["1", "-w", "nowhere"], b"nowhere"),
        (["1", "--detach"], b"#1 has a time limit"),
        (["1", "--failed", "-w", "gpu01"], b"not allowed with"),
    ):
        done = lazytui(farm, "again", *words)
        assert (done.returncode, done.stdout) == (2, b""), words
        assert problem in done.stderr
