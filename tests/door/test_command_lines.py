"""The program ``lazytui COMMAND`` while an engine runs: a few lines of standard library."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.rendezvous import meeting_point
from tests.engines import environment, lazytui, lazytui_started
from tests.leftovers import engine_pids

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

START = "from lazytui.pump.connect import start; from lazytui.rendezvous import meeting_point; "
HEAVY = {"asyncio", "asyncssh", "textual", "argparse", "typing", "pathlib", "dataclasses"}


@pytest.fixture
def resident(farm: SSHFarm) -> SSHFarm:
    """A farm of one host, with an engine that runs."""
    farm.add("gpu01")
    subprocess.run(
        [sys.executable, "-c", START + "start(meeting_point())"],
        env=environment(farm),
        check=True,
    )
    return farm


def test_answers_come_from_the_engine_and_are_those_of_a_command_by_itself(
    resident: SSHFarm,
) -> None:
    ran = lazytui(resident, "run", "-w", "gpu01", "--maxrc", "--", "printf 'a\\0\\377'; exit 7")
    told = lazytui(resident, "tasks", "--json")
    logs = lazytui(resident, "logs", "1")
    wrong = lazytui(resident, "run", "-w", "nowhere", "--", "true")

    assert (ran.returncode, ran.stdout) == (7, b"a\0\xff")
    assert ran.stderr == b"lazytui: gpu01: failed: exit 7\n"
    assert [task["state"] for task in json.loads(told.stdout)] == ["failed"]
    assert (logs.returncode, logs.stdout) == (0, b"a\0\xff")
    assert wrong.returncode == 2
    assert resident.hosts["gpu01"].connections() == 1
    assert len(engine_pids(resident.home)) == 1


def test_the_client_imports_next_to_nothing(resident: SSHFarm) -> None:
    lazytui(resident, "hosts")
    script = (
        "import sys; before = set(sys.modules); from lazytui.cli import main;"
        "code = main(['hosts', '--json']); print(*(set(sys.modules) - before), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"],
        env=environment(resident),
        capture_output=True,
        check=True,
    )

    assert json.loads(done.stdout)[0]["state"] == "active"
    assert set(done.stderr.decode().split()) & HEAVY == set()


def test_ctrl_c_goes_through_to_the_host(resident: SSHFarm) -> None:
    command = "trap 'echo told; exit 9' INT; echo on; while :; do sleep 0.1; done"
    with lazytui_started(resident, "run", "-w", "gpu01", "--", command) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"on\n"
        client.send_signal(signal.SIGINT)
        out, err = client.communicate(timeout=30)

    assert (client.returncode, out) == (130, b"told\n")
    assert b"interrupt sent to 1 run;" in err


def test_a_run_goes_on_without_its_client(resident: SSHFarm) -> None:
    go = resident.hosts["gpu01"].home / "go"
    os.mkfifo(go)
    with lazytui_started(resident, "run", "-w", "gpu01", "--", "echo on; cat go") as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"on\n"
        client.kill()
    go.write_text("further\n")

    done = lazytui(resident, "logs", "-f", "1")

    assert (done.returncode, done.stdout) == (0, b"on\nfurther\n")


def test_a_reader_that_goes_away_ends_the_client_as_sigpipe_does(resident: SSHFarm) -> None:
    lazytui(resident, "run", "-w", "gpu01", "--", "seq 300000")

    with lazytui_started(resident, "logs", "1") as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"1\n"
        client.stdout.close()

        assert client.wait(timeout=30) == 141


def test_an_engine_that_is_killed_is_told_and_the_next_command_does_without(
    resident: SSHFarm,
) -> None:
    with lazytui_started(resident, "run", "-w", "gpu01", "--", "echo on; sleep 60") as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"on\n"
        os.kill(engine_pids(resident.home)[0], signal.SIGKILL)
        _, err = client.communicate(timeout=30)
    stopped = lazytui(resident, "stop", "1", "--signal", "KILL")

    assert client.returncode == 1
    assert b"the engine ended unexpectedly" in err
    assert (stopped.returncode, stopped.stdout) == (0, b"gpu01: KILL sent\n")


def test_a_socket_that_cannot_be_trusted_is_left_alone(resident: SSHFarm) -> None:
    Path(meeting_point(environ=environment(resident)).socket).chmod(0o666)

    done = lazytui(resident, "hosts", "--offline")

    assert done.returncode == 0
    assert b"is open to others; run: chmod 600" in done.stderr
    assert b"answered without the engine" in done.stderr


def test_another_ssh_config_is_another_engines(resident: SSHFarm) -> None:
    other = resident.home / "other"
    other.write_text("Host elsewhere\n  HostName 192.0.2.1\n")

    done = lazytui(resident, "-F", str(other), "hosts", "--offline")

    assert b"elsewhere" in done.stdout
    assert b"gpu01" not in done.stdout
