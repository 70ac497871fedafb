"""What breaks in the middle: agents, supervisors, launchers, disks, boots; nothing is lost."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.remote.agent_process import AgentProcess, new_job_id, start_time, until
from tests.remote.test_jobs import status, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.remote.conftest import StartAgent


def identity(agent: AgentProcess, job: str) -> list[str]:
    """pid, start time, boot id, the leader's pid and start time."""
    return (agent.folder(job) / "id").read_text().split()


def another(start_agent: StartAgent) -> AgentProcess:
    """A fresh agent in the same home."""
    agent = start_agent()
    agent.hello()
    return agent


# --- the agent dies


def test_a_job_outlives_its_agent_and_another_one_adopts_it(
    agent: AgentProcess, start_agent: StartAgent
) -> None:
    script = "for n in 1 2 3 4 5; do echo line $n; sleep 0.05; done; exit 7"
    job = agent.start(script, follow=stream())
    first = agent.event("out")[1]

    agent.kill()
    heir = another(start_agent)
    heir.follow(job, off=len(first))
    rest, end = heir.output(off=len(first))

    assert first + rest == b"".join(b"line %d\n" % n for n in range(1, 6))
    assert (end["state"], end["rc"]) == ("exited", 7)


def test_an_end_that_nobody_saw_is_still_known(
    agent: AgentProcess, start_agent: StartAgent
) -> None:
    job = agent.start("sleep 0.1; echo late; exit 5")
    agent.kill()
    heir = another(start_agent)
    until("it ends", lambda: status(heir, job)["state"] == "exited")

    heir.follow(job)
    output, end = heir.output()

    assert (output, end["rc"]) == (b"late\n", 5)
    assert abs(end["at"] - time.time()) < 60


def test_an_adopted_job_can_be_signalled(agent: AgentProcess, start_agent: StartAgent) -> None:
    job = agent.start("sleep 60")
    agent.kill()
    heir = another(start_agent)
    heir.follow(job)

    assert heir.call("job_signal", job=job, signal="TERM")["state"] == "sent"

    assert heir.output()[1]["rc"] == 143


def test_the_supervisor_holds_nothing_that_keeps_the_connection_open(agent: AgentProcess) -> None:
    job = agent.start("sleep 60")
    leader = int(identity(agent, job)[3])

    def foreign() -> list[str]:
        files = [os.readlink(path) for path in Path(f"/proc/{leader}/fd").iterdir()]
        ours = ("/dev/null", str(agent.folder(job)))
        return [name for name in files if not name.startswith(ours)]

    until("it has only its own files", lambda: foreign() == [])
    assert os.getsid(leader) == leader
    assert os.readlink(f"/proc/{leader}/cwd") == "/"


def test_nothing_waits_unreaped(agent: AgentProcess) -> None:
    for _ in range(3):
        agent.run("true")

    listing = subprocess.run(
        ["ps", "--ppid", str(agent.process.pid), "-o", "stat="], capture_output=True, text=True
    )
    assert "Z" not in listing.stdout


# --- the supervisor dies


def test_a_job_without_its_supervisor_runs_on_and_is_lost_at_its_end(agent: AgentProcess) -> None:
    job = agent.start("echo up; while ! test -e stop; do sleep 0.02; done; echo done")
    agent.follow(job)
    agent.event("out")

    os.kill(int(identity(agent, job)[3]), signal.SIGKILL)
    until("nobody supervises it", lambda: "unsupervised" in status(agent, job))
    assert status(agent, job)["state"] == "running"
    (agent.home / "stop").touch()

    output, end = agent.output(off=3)
    assert output == b"done\n"
    assert (end["state"], end["reason"]) == ("lost", "its supervisor was killed")


def test_killing_a_job_without_supervisor_still_gives_its_status(agent: AgentProcess) -> None:
    job = agent.start("echo up; sleep 60")
    agent.follow(job)
    agent.event("out")
    os.kill(int(identity(agent, job)[3]), signal.SIGKILL)
    until("nobody supervises it", lambda: "unsupervised" in status(agent, job))

    assert agent.call("job_signal", job=job, signal="KILL")["state"] == "sent"

    assert agent.output(off=3)[1]["rc"] == 137


def test_a_supervisor_ignores_the_signals_of_a_passer_by(agent: AgentProcess) -> None:
    job = agent.start("sleep 0.3; exit 6")
    agent.follow(job)
    leader = int(identity(agent, job)[3])

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGPIPE):
        os.kill(leader, number)

    assert agent.output()[1]["rc"] == 6


# --- the launcher dies between claim and start


def half_started(agent: AgentProcess, *names: str) -> str:
    """A job's folder as a launcher leaves it that was killed before the command ran."""
    job = new_job_id()
    folder = agent.folder(job)
    folder.mkdir(parents=True, mode=0o700)
    for name in names:
        if name in ("claim", "fin.free"):
            (folder / name).mkdir()
        elif name == "alive":
            os.mkfifo(folder / name)
        else:
            (folder / name).write_text("left behind")
    return job


STEPS = ("lock", "cmd.tmp", "cmd", "slot", "fin.free", "alive", "claim", "out", "id.tmp")


@pytest.mark.parametrize("step", range(len(STEPS) + 1))
def test_a_start_that_was_cut_short_is_taken_over_and_runs_once(
    agent: AgentProcess, step: int
) -> None:
    job = half_started(agent, *STEPS[:step])
    assert status(agent, job)["state"] == "not-started"

    agent.start("echo run >>ran; exit 3", job=job)
    again = agent.call("job_start", b"echo run >>ran", job=job)
    agent.follow(job)
    end = agent.output(off=0)[1] if step < 8 else last_event(agent)

    assert again["state"] == "already"
    assert end["rc"] == 3
    assert (agent.home / "ran").read_text() == "run\n"


def last_event(agent: AgentProcess) -> dict[str, object]:
    """The end event, whatever output came before it."""
    found: dict[str, object] = agent.event("end")[0]
    return found


def test_following_what_never_started_ends_at_once(agent: AgentProcess) -> None:
    job = half_started(agent, "lock", "cmd", "slot", "claim")

    agent.follow(job)

    assert agent.output()[1]["state"] == "not-started"


def test_a_lock_in_somebody_elses_hands_is_waited_for(agent: AgentProcess) -> None:
    import fcntl

    job = half_started(agent, "lock", "cmd", "claim")
    with (agent.folder(job) / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asked = agent.ask("job_start", b"exit 3", job=job)
        agent.call("ping")
        assert asked not in agent.answers
        assert status(agent, job)["state"] == "running"

    assert agent.answer(asked)["state"] == "started"


def test_what_never_started_can_be_forgotten(agent: AgentProcess) -> None:
    job = half_started(agent, *STEPS)

    assert agent.call("job_forget", jobs=[job])["forgotten"] == [job]
    assert not agent.folder(job).exists()


# --- forged and outdated identities


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that is no job, the leader of its own group, with a child in it."""
    process = subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo up; wait"], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()


def forge(agent: AgentProcess, pid: int, start: str, boot: str) -> str:
    job = half_started(agent, *STEPS[:-1])
    (agent.folder(job) / "id").write_text(f"{pid} {start} {boot}\n1 1\n")
    return job


def this_boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_reused_pid_is_left_alone(
    agent: AgentProcess, bystander: subprocess.Popen[bytes]
) -> None:
    earlier = str(int(start_time(bystander.pid)) - 1)
    job = forge(agent, bystander.pid, earlier, this_boot())

    assert agent.call("job_signal", job=job, signal="KILL")["state"] == "stale"

    assert status(agent, job)["state"] == "lost"
    assert bystander.poll() is None


def test_a_process_that_leads_no_group_is_left_alone(
    agent: AgentProcess, bystander: subprocess.Popen[bytes]
) -> None:
    pid = int(Path(f"/proc/{bystander.pid}/task/{bystander.pid}/children").read_text())
    job = forge(agent, pid, start_time(pid), this_boot())

    assert agent.call("job_signal", job=job, signal="KILL")["state"] == "stale"

    assert start_time(pid)


def test_after_a_reboot_nothing_is_signalled_and_the_job_is_lost(
    agent: AgentProcess, bystander: subprocess.Popen[bytes]
) -> None:
    job = forge(agent, bystander.pid, start_time(bystander.pid), "another-boot")
    (agent.folder(job) / "out").write_bytes(b"kept")

    assert agent.call("job_signal", job=job, signal="KILL")["state"] == "rebooted"
    agent.follow(job)
    output, end = agent.output()

    assert bystander.poll() is None
    assert (output, end["state"], end["reason"]) == (b"kept", "lost", "host was rebooted")


@pytest.mark.parametrize("content", ["", "garbage", "-1 1 1\n1 1\n", "1 2", "\0\0\0\0\0"])
def test_an_identity_that_does_not_parse_is_none(agent: AgentProcess, content: str) -> None:
    job = half_started(agent, *STEPS[:-1])
    (agent.folder(job) / "id").write_text(content)

    assert not agent.call("job_signal", job=job, signal="KILL")["ok"]
    assert agent.call("ping")["ok"]


def test_a_folder_that_is_a_link_is_not_ours(agent: AgentProcess, tmp_path: Path) -> None:
    job = new_job_id()
    agent.folder(job).parent.mkdir(parents=True)
    agent.folder(job).symlink_to(tmp_path)

    reply = agent.call("job_start", b"echo hi", job=job)

    assert (reply["ok"], reply["kind"]) == (False, "not-ours")


def test_output_that_shrank_does_not_keep_the_manager_waiting(agent: AgentProcess) -> None:
    job = agent.start("echo 12345; exit 2")
    until("it ends", lambda: status(agent, job)["state"] == "exited")
    os.truncate(agent.folder(job) / "out", 3)

    agent.follow(job)

    output, end = agent.output()
    assert (output, end["rc"]) == (b"123", 2)


# --- the host's disk is full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    until("unmounted", lambda: subprocess.run(["umount", str(folder)]).returncode == 0)


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill a file system, but for ``leave`` bytes."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as problem:
            if problem.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, file.tell() - leave))
    return path


@pytest.mark.parametrize("pages_left", [0, 1, 2, 3])
def test_a_full_disk_starts_nothing_and_says_so(
    start_agent: StartAgent, small_disk: Path, home: Path, pages_left: int
) -> None:
    """Wherever in the start the room ends, the answer is the same, or the job has run."""
    agent = start_agent(env={"XDG_STATE_HOME": str(small_disk)})
    job = new_job_id()
    filler = fill(small_disk, leave=pages_left * 4096)

    reply = agent.call("job_start", f"echo run >>'{home}/ran'; exit 3".encode(), job=job)

    if pages_left < 3:
        assert (reply["ok"], reply["kind"]) == (False, "no-space")
        assert status(agent, job)["state"] == "unknown"
        assert not (home / "ran").exists()
        filler.unlink()
        agent.start(f"echo run >>'{home}/ran'; exit 3", job=job)
    agent.follow(job)
    assert agent.output()[1]["rc"] == 3
    assert (home / "ran").read_text() == "run\n"


@pytest.mark.parametrize("tty", [False, True])
def test_a_disk_that_fills_up_keeps_the_exit_status(
    start_agent: StartAgent, small_disk: Path, tty: bool
) -> None:
    agent = start_agent(env={"XDG_STATE_HOME": str(small_disk)})
    job = agent.start("head -c 1000000 /dev/zero; exit 7", tty=tty)

    agent.follow(job)
    output, end = agent.output()

    assert (end["state"], end["rc"]) == ("exited", 7)
    assert end["disk_full"]
    assert 0 < len(output) == end["size"] < 262_144


def test_a_disk_with_room_is_not_called_full(agent: AgentProcess) -> None:
    assert "disk_full" not in agent.run("echo hi")[1]


# --- file systems that lack something

WITHOUT_LOCKS = b"""
import errno, sys, types
def flock(fd, kind):
    raise OSError(errno.ENOLCK, "No locks available")
sys.modules["lazytui.remote.folder"].fcntl = types.SimpleNamespace(
    flock=flock, LOCK_EX=2, LOCK_SH=1, LOCK_NB=4)
"""

WITHOUT_FIFOS = b"""
import errno, posix
def mkfifo(path, mode):
    raise PermissionError(errno.EPERM, "Operation not permitted")
posix.mkfifo = mkfifo
"""


@pytest.fixture(params=[WITHOUT_LOCKS, WITHOUT_FIFOS], ids=["no locks", "no fifos"])
def poor_agent(agent: AgentProcess, request: pytest.FixtureRequest) -> AgentProcess:
    """An agent whose job folders lie on a file system without locks, or without FIFOs."""
    agent.call("job_status", jobs=[])
    assert agent.call("load", request.param, part="poor")["ok"]
    return agent


def test_a_poor_file_system_still_runs_jobs_once(poor_agent: AgentProcess) -> None:
    job = poor_agent.start("echo run >>ran; sleep 0.1; echo done; exit 3")
    assert status(poor_agent, job)["state"] == "running"

    again = poor_agent.call("job_start", b"echo run >>ran", job=job)
    poor_agent.follow(job)
    output, end = poor_agent.output()

    assert again["state"] == "already"
    assert (output, end["rc"]) == (b"done\n", 3)
    assert (poor_agent.home / "ran").read_text() == "run\n"


def test_a_poor_file_system_still_tells_a_lost_job(poor_agent: AgentProcess) -> None:
    job = poor_agent.start("sleep 0.3; echo done")
    poor_agent.follow(job)

    os.kill(int(identity(poor_agent, job)[3]), signal.SIGKILL)
    output, end = poor_agent.output()

    assert (output, end["state"]) == (b"done\n", "lost")


def test_a_poor_file_system_still_keeps_the_status_of_a_killed_orphan(
    poor_agent: AgentProcess,
) -> None:
    job = poor_agent.start("sleep 60")
    os.kill(int(identity(poor_agent, job)[3]), signal.SIGKILL)
    until("nobody supervises it", lambda: "unsupervised" in status(poor_agent, job))

    poor_agent.call("job_signal", job=job, signal="KILL")

    until("its status is written", lambda: status(poor_agent, job).get("rc") == 137)


def test_without_locks_a_start_cut_short_is_told_when_it_cannot_be_fresh(
    agent: AgentProcess,
) -> None:
    agent.call("job_status", jobs=[])
    agent.call("load", WITHOUT_LOCKS, part="poor")
    job = half_started(agent, "lock", "cmd", "slot", "claim")
    assert status(agent, job)["state"] == "running"

    os.utime(agent.folder(job) / "claim", (1, 1))

    assert status(agent, job)["state"] == "not-started"
    assert agent.call("job_start", b"echo hi", job=job)["state"] == "already"
