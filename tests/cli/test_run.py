"""``lazytui run``: what is run, what is shown where, and what the exit code says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lazytui.core.journal import read_journal
from tests.disks import fill, small_disk
from tests.engines import environment, lazytui, lazytui_here, lazytui_started, paths_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sshd import SSHFarm, SSHHost
    from tests.tmux import Tmux

KEYS = ["host", "run_id", "state", "exit_status", "output", "seconds", "reason"]


@pytest.fixture
def gpu01(farm: SSHFarm) -> SSHHost:
    return farm.add("gpu01")


def run(
    farm: SSHFarm, *words: str, where: str = "gpu01", command: str = "true"
) -> subprocess.CompletedProcess[bytes]:
    return lazytui(farm, "run", "-w", where, *words, "--", command)


# --- what is run -----------------------------------------------------------------------------


def test_words_are_joined_by_blanks_and_given_to_the_shell(farm: SSHFarm, gpu01: SSHHost) -> None:
    done = lazytui(farm, "run", "-w", "gpu01", "--", "echo", "one  two;", "echo", "$HOME", "--json")

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"one two\n%s --json\n" % str(gpu01.home).encode()


def test_without_the_two_dashes_the_command_begins_at_the_first_other_word(
    farm: SSHFarm, gpu01: SSHHost
) -> None:
    done = lazytui(farm, "run", "-w", "gpu01", "printf", "%s-", "-w", "-l", "--json", "--")

    assert (done.returncode, done.stdout) == (0, b"-w--l---json----")


def test_variables_folder_and_terminal_can_be_asked_for(farm: SSHFarm, gpu01: SSHHost) -> None:
    (gpu01.home / "work").mkdir()

    done = run(
        farm, "--env", "A=1 2", "--env", "B=", "--cwd", "work", "--tty",
        command='pwd; echo "$A,$B"; tty >/dev/null && echo terminal',
    )  # fmt: skip

    assert done.stdout == b"%s/work\r\n1 2,\r\nterminal\r\n" % str(gpu01.home).encode()


def test_bytes_in_the_command_that_are_no_text_reach_the_shell(
    farm: SSHFarm, gpu01: SSHHost
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lazytui", "run", "-w", "gpu01", "--", b"printf '\xff\xc3'"],
        env=environment(farm),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, b"\xff\xc3"), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["-w", "gpu01"],
        ["-w", "gpu01", "--"],
        ["--", "true"],
        ["-w", "gpu02", "--", "true"],
        ["-w", "@none", "--", "true"],
        ["-w", "gpu01", "--env", "1=2", "--", "true"],
        ["-w", "gpu01", "--env", "A", "--", "true"],
        ["--nonsense", "--", "true"],
    ],
)
def test_a_command_line_that_means_nothing_runs_nothing_and_exits_2(
    farm: SSHFarm,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    farm.add_refused("gpu01")

    code, out, err = lazytui_here(farm, monkeypatch, capfd, "run", *words)

    assert (code, out) == (2, "")
    assert err.strip()


# --- what is shown ---------------------------------------------------------------------------


def test_in_a_pipe_the_output_of_one_host_is_byte_exact(farm: SSHFarm, gpu01: SSHHost) -> None:
    octal = "".join(f"\\{value:03o}" for value in range(256))

    done = run(farm, command=f"printf '{octal}'; echo error >&2")

    assert done.stdout == bytes(range(256)) + b"error\n"
    assert done.stderr == b""


def test_with_several_hosts_each_line_tells_its_host(farm: SSHFarm, gpu01: SSHHost) -> None:
    farm.add("gpu02")

    done = run(farm, where="gpu[01-02]", command="echo one; printf two")

    assert sorted(done.stdout.splitlines()) == [
        b"gpu01: one", b"gpu01: two", b"gpu02: one", b"gpu02: two"
    ]  # fmt: skip
    assert done.stdout.endswith(b"\n")


def test_equal_outputs_are_gathered_under_one_head_in_the_order_of_the_hosts(
    farm: SSHFarm, gpu01: SSHHost
) -> None:
    farm.add("gpu02")
    farm.add("gpu03")
    farm.add_refused("gpu04")
    command = "case $HOME in */gpu03/*) echo odd; exit 2;; */gpu01/*) sleep 0.2; echo same;; "
    command += "*) echo same;; esac"

    done = run(farm, "-b", where="gpu[01-04]", command=command)

    rule = "-" * 15
    assert done.stdout.decode() == (
        f"{rule}\ngpu[01-02] (2)\n{rule}\nsame\n{rule}\ngpu03 exit 2\n{rule}\nodd\n"
    )
    assert done.returncode == 3
    assert b"gpu04: failed: not reached: refused" in done.stderr


def test_json_is_an_object_a_line_with_exactly_the_promised_keys(
    farm: SSHFarm, gpu01: SSHHost
) -> None:
    farm.add_refused("dead")

    done = run(farm, "--json", where="gpu01,dead", command="printf 'a\\377\\033[m'; exit 4")

    found = {row["host"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert all(list(row) == KEYS for row in found.values())
    ran, dead = found["gpu01"], found["dead"]
    assert (ran["state"], ran["exit_status"], ran["reason"]) == ("failed", 4, None)
    assert ran["output"] == "a\ufffd\x1b[m"
    assert ran["seconds"] >= 0
    assert len(ran["run_id"]) == 32
    assert (dead["state"], dead["exit_status"], dead["output"]) == ("failed", None, "")
    assert dead["reason"] == "not reached: refused"
    assert done.stderr == b""


def test_on_a_terminal_no_escape_sequence_of_a_host_gets_through(
    farm: SSHFarm, gpu01: SSHHost, tmux_factory: Callable[..., Tmux], tmp_path: Path
) -> None:
    evil = "printf '\\033]0;owned\\007A\\033[2J\\302\\2335nB\\342\\200\\256C\\n'; echo over"
    terminal = tmux_factory(env=environment(farm))

    terminal.start("read go; exec " + f'{sys.executable} -m lazytui run -w gpu01 -- "{evil}"')
    terminal.record(tmp_path / "stream")
    terminal.send("Enter")
    screen = terminal.wait_for("over")

    stream = (tmp_path / "stream").read_bytes()
    assert any("A" in row and "B" in row and "C" in row for row in screen)
    assert b"\x1b]" not in stream
    assert b"\x1b[2J" not in stream
    assert b"\xc2\x9b" not in stream
    assert "\u202e".encode() not in stream


def test_a_reader_that_goes_away_ends_it_quietly_and_the_command_goes_on(
    farm: SSHFarm, gpu01: SSHHost
) -> None:
    command = "echo one; sleep 0.3; echo two; touch finished"
    line = f"{sys.executable} -m lazytui run -w gpu01 -- '{command}' | head -1"

    done = subprocess.run(
        ["bash", "-c", f"{line}; echo ${{PIPESTATUS[0]}}"],
        env=environment(farm),
        capture_output=True,
        check=False,
    )
    logs = lazytui(farm, "logs", "-f", "1")

    assert done.stdout.splitlines() == [b"one", b"141"]
    assert done.stderr == b""
    assert logs.stdout == b"one\ntwo\n"
    assert (gpu01.home / "finished").exists()


def test_a_lost_connection_is_told_and_costs_nothing(farm: SSHFarm, gpu01: SSHHost) -> None:
    command = "echo one; until test -e go; do sleep 0.02; done; echo two"
    with lazytui_started(farm, "run", "-w", "gpu01", "--", command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"one\n"
        gpu01.kill_sessions()
        told = read_line(process.stderr)
        (gpu01.home / "go").touch()
        rest, _ = process.communicate(timeout=30)

    assert told == b"lazytui: gpu01: connection lost; the job goes on at the host\n"
    assert (process.returncode, rest) == (0, b"two\n")


def test_a_full_disk_of_the_manager_is_told(farm: SSHFarm, gpu01: SSHHost) -> None:
    spools = paths_of(farm).spool_dir
    with small_disk(spools, "64k"):
        ballast = fill(spools)
        with lazytui_started(farm, "run", "-w", "gpu01", "--", "echo one") as process:
            told = read_line(process.stderr)
            ballast.unlink()
            out, _ = process.communicate(timeout=30)

    assert b"cannot be saved" in told
    assert b"No space left on device" in told
    assert (process.returncode, out) == (0, b"one\n")


# --- exit codes ------------------------------------------------------------------------------


def test_the_exit_code_tells_of_failures_and_of_hosts_not_reached(
    farm: SSHFarm, gpu01: SSHHost
) -> None:
    farm.add_refused("dead")

    fine = run(farm)
    failed = run(farm, command="exit 42")
    highest = run(farm, "--maxrc", command="exit 42")
    not_reached = run(farm, "--maxrc", where="gpu01,dead", command="exit 42")

    assert [done.returncode for done in (fine, failed, highest, not_reached)] == [0, 1, 42, 3]
    assert failed.stderr == b"lazytui: gpu01: failed: exit 42\n"


def test_the_least_busy_of_the_hosts_alone_runs_it(farm: SSHFarm, gpu01: SSHHost) -> None:
    farm.add_refused("dead")

    done = run(farm, "--least-busy", where="*", command="echo here")
    nobody = run(farm, "--least-busy", where="dead")

    assert (done.returncode, done.stdout) == (0, b"here\n")
    assert done.stderr.startswith(b"lazytui: least busy: gpu01 (0 runs, ")
    assert nobody.returncode != 0
    assert nobody.stdout == b""


# --- leaving ---------------------------------------------------------------------------------


def test_detached_runs_go_on_and_logs_wait_for_their_end(farm: SSHFarm, gpu01: SSHHost) -> None:
    left = run(farm, "--detach", command="echo one; sleep 0.5; echo two; exit 5")
    number, run_id, host, state = left.stdout.decode().split()
    logs = lazytui(farm, "logs", "-f", "1")
    (task,) = json.loads(lazytui(farm, "tasks", "--json").stdout)

    assert left.returncode == 0
    assert (number, host, state) == ("#1", "gpu01", "running")
    assert (logs.stdout, logs.returncode) == (b"one\ntwo\n", 1)
    assert (task["run_id"], task["state"], task["exit_status"]) == (run_id, "failed", 5)


def test_detaching_from_a_host_that_is_not_reached_says_so(farm: SSHFarm) -> None:
    farm.add_refused("dead")

    done = run(farm, "--detach", "--json", where="dead")

    assert done.returncode == 3
    assert json.loads(done.stdout)["reason"] == "not reached: refused"


def test_an_interrupt_goes_to_the_commands(farm: SSHFarm, gpu01: SSHHost) -> None:
    command = "trap 'echo tidied; exit 7' INT; echo ready; sleep 60 & wait"
    with lazytui_started(farm, "run", "-w", "gpu01", "--", command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    (task,) = json.loads(lazytui(farm, "tasks", "--json").stdout)
    assert process.returncode == 130
    assert out == b"tidied\n"
    assert b"interrupt sent to 1 run" in err
    assert b"Traceback" not in err
    assert (task["state"], task["exit_status"]) == ("cancelled", 7)


def test_a_second_interrupt_leaves_the_commands_running(farm: SSHFarm, gpu01: SSHHost) -> None:
    command = "trap 'echo stubborn' INT; echo ready; while :; do sleep 0.05; done"
    with lazytui_started(farm, "run", "-w", "gpu01", "--", command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert b"interrupt sent" in read_line(process.stderr)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    stopped = lazytui(farm, "stop", "1", "--signal", "kill")
    assert process.returncode == 130
    assert b"still running: gpu01" in err
    assert (stopped.returncode, stopped.stdout) == (0, b"gpu01: KILL sent\n")


def test_an_interrupt_before_a_host_answers_cancels_what_has_not_started(farm: SSHFarm) -> None:
    farm.add_silent("mute")
    with lazytui_started(farm, "run", "-w", "mute", "--", "true") as process:
        wait_for_task(farm)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert b"cancelled before it started" in err


def read_line(stream: object) -> bytes:
    assert hasattr(stream, "readline")
    return bytes(stream.readline())


def wait_for_task(farm: SSHFarm) -> None:
    """Wait until a task is in the journal of the farm's user."""
    paths = paths_of(farm)
    journaled = False
    while not journaled:
        os.sched_yield()
        with read_journal(paths.journal) as journal:
            journaled = journal is not None and bool(journal.records())
