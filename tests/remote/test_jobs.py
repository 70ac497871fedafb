"""Jobs: started once, their output to the byte, their exit status exact, signalled only if ours."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.remote.agent_process import new_job_id, start_time, until

if TYPE_CHECKING:
    from tests.remote.agent_process import AgentProcess
    from tests.remote.conftest import StartAgent

MIB = 1024 * 1024


# --- output


def test_every_byte_arrives_as_it_was_written(agent: AgentProcess) -> None:
    """NUL, invalid UTF-8, escapes, and no newline at the end."""
    every_byte = bytes(range(256)) * 300

    output, end = agent.run(f"'{sys.executable}' -c 'import os;os.write(1,bytes(range(256))*300)'")

    assert output == every_byte
    assert end["size"] == len(every_byte)


def test_fifty_megabytes_without_a_newline_arrive_whole(agent: AgentProcess) -> None:
    output, end = agent.run(f"head -c {50 * MIB} /dev/zero | tr '\\0' x")

    assert len(output) == 50 * MIB
    assert output.count(b"x") == 50 * MIB
    assert (end["rc"], end["size"]) == (0, 50 * MIB)


def test_both_streams_are_one_in_the_order_of_their_arrival(agent: AgentProcess) -> None:
    output, _ = agent.run("for n in 1 2 3; do echo out $n; echo err $n >&2; done")

    assert output == b"out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n"


def test_output_is_live_though_it_goes_into_a_file(agent: AgentProcess) -> None:
    """Programs buffer 4 KiB when stdout is a file; the job waits until we have seen its line."""
    script = f"'{sys.executable}' -c 'print(\"ready\"); import time; time.sleep(60)'"
    agent.start(script, follow={"s": 1, "off": 0, "credit": MIB})

    assert agent.event("out")[1] == b"ready\n"


def test_c_programs_print_line_by_line_where_the_host_has_stdbuf(agent: AgentProcess) -> None:
    if subprocess.run(["which", "stdbuf"], capture_output=True).returncode:
        pytest.skip("no stdbuf here")
    agent.start("(echo first; sleep 60) | tr a-z A-Z", follow={"s": 1, "off": 0, "credit": MIB})

    assert agent.event("out")[1] == b"FIRST\n"


@pytest.mark.parametrize("offset", [0, 1, 65535, 65536, 65537, 199_999, 200_000])
def test_output_is_read_again_from_any_offset(agent: AgentProcess, offset: int) -> None:
    job = agent.start("seq 1 100000 | head -c 200000")
    agent.follow(job)
    whole, _ = agent.output()

    agent.follow(job, off=offset, s=2)
    rest, end = agent.output(s=2, off=offset)

    assert rest == whole[offset:]
    assert end["size"] == 200_000


def test_no_more_is_sent_than_there_is_credit_for(agent: AgentProcess) -> None:
    job = agent.start("head -c 300000 /dev/zero")
    until("the job ends", lambda: status(agent, job)["state"] == "exited")

    agent.follow(job, credit=100_000)
    sent = [len(agent.event("out")[1]), len(agent.event("out")[1])]
    agent.call("ping")
    agent.call("ping")

    assert sum(sent) == 100_000
    assert not agent.events
    agent.write_frame({"op": "credit", "s": 1, "n": 1 << 30})
    assert len(agent.output(off=100_000)[0]) == 200_000


def test_the_end_needs_no_credit(agent: AgentProcess) -> None:
    job = agent.start("printf 12345; exit 3")

    agent.follow(job, credit=5)

    output, end = agent.output()
    assert (output, end["rc"]) == (b"12345", 3)


def test_answers_overtake_200_mb_of_output(agent: AgentProcess) -> None:
    job = agent.start("head -c 200000000 /dev/zero")
    agent.follow(job)
    agent.event("out")

    agent.call("ping")

    received = agent.order.count("out")
    assert received < 1500, "an answer waited for most of the 3052 pieces of output"


def test_two_followed_jobs_take_turns(agent: AgentProcess) -> None:
    jobs = [agent.start("head -c 5000000 /dev/zero") for _ in range(2)]
    for job in jobs:
        until("the job ends", lambda job=job: status(agent, job)["state"] == "exited")
    for number, job in enumerate(jobs, start=1):
        agent.ask("job_follow", job=job, s=number, off=0, credit=1 << 30)
    ends: list[int] = []
    turns: list[int] = []
    while len(ends) < 2:
        while not agent.events:
            agent.receive_soon()
        header, _ = agent.events.popleft()
        (ends if header["ev"] == "end" else turns).append(header["s"])

    first_of_two = turns.index(2)
    both = turns[first_of_two : first_of_two + 40]
    assert abs(both.count(1) - both.count(2)) <= 2


def test_a_stream_that_is_no_longer_followed_is_silent(agent: AgentProcess) -> None:
    job = agent.start("while :; do echo tick; sleep 0.01; done")
    agent.follow(job)
    agent.event("out")

    agent.call("unfollow", s=1)
    agent.events.clear()
    until("the job prints more", lambda: status(agent, job)["size"] > 100)

    assert not agent.events


# --- the end


def test_exit_codes_are_exact(agent: AgentProcess) -> None:
    codes = [0, 1, 2, 7, 77, 126, 127, 128, 130, 137, 254, 255]

    assert [agent.run(f"exit {code}")[1]["rc"] for code in codes] == codes


@pytest.mark.parametrize(
    ("name", "code"), [("TERM", 143), ("INT", 130), ("HUP", 129), ("USR1", 138), ("KILL", 137)]
)
def test_signals_reach_the_command_and_are_its_exit_code(
    agent: AgentProcess, name: str, code: int
) -> None:
    job = agent.start("echo up; sleep 60; echo not reached")
    agent.follow(job)
    agent.event("out")
    until_it_sleeps(agent, job)

    reply = agent.call("job_signal", job=job, signal=name)

    assert reply["state"] == "sent"
    output, end = agent.output(off=3)
    assert (output, end["rc"]) == (b"", code)


def test_signals_reach_the_whole_group(agent: AgentProcess) -> None:
    job = agent.start("sleep 61 & echo $!; wait")
    agent.follow(job)
    child = int(agent.event("out")[1])

    agent.call("job_signal", job=job, signal="TERM")

    until("the child is gone", lambda: not start_time(child))


def test_a_command_may_handle_its_signals(agent: AgentProcess) -> None:
    job = agent.start("trap 'echo saved; exit 9' TERM; echo up; while :; do sleep 0.01; done")
    agent.follow(job)
    agent.event("out")

    agent.call("job_signal", job=job, signal="TERM")

    output, end = agent.output(off=3)
    assert output.endswith(b"saved\n")
    assert end["rc"] == 9


def test_a_job_that_has_ended_is_not_signalled(agent: AgentProcess) -> None:
    job = agent.start("true")
    until("the job ends", lambda: status(agent, job)["state"] == "exited")

    assert agent.call("job_signal", job=job, signal="TERM")["state"] == "ended"
    assert not agent.call("job_signal", job=new_job_id(), signal="TERM")["ok"]
    assert not agent.call("job_signal", job=job, signal="NONSENSE")["ok"]


def test_a_child_left_behind_does_not_keep_the_job_running(agent: AgentProcess) -> None:
    output, end = agent.run("sleep 5 & echo done; exit 4")

    assert (output, end["rc"]) == (b"done\n", 4)


# --- its surroundings


def test_a_job_runs_in_the_home_with_the_logins_umask(agent: AgentProcess, home: Path) -> None:
    old = os.umask(0)
    os.umask(old)

    output, _ = agent.run("pwd; umask; touch made; cat <&0")

    assert output.decode().split() == [str(home), f"{old:04o}"]
    assert (home / "made").stat().st_mode & 0o777 == 0o666 & ~old


def test_it_may_name_another_folder(agent: AgentProcess, home: Path) -> None:
    (home / "work").mkdir()

    assert agent.run("pwd", cwd="~/work")[0].decode() == f"{home}/work\n"
    assert agent.run("pwd", cwd="/")[0] == b"/\n"


def test_a_folder_that_is_not_there_starts_nothing(agent: AgentProcess) -> None:
    job = new_job_id()

    reply = agent.call("job_start", b"echo hi", job=job, cwd="/no/such/folder")

    assert (reply["ok"], reply["kind"]) == (False, "bad-cwd")
    assert "/no/such/folder" in reply["error"]
    assert not agent.folder(job).exists()


def test_variables_are_the_logins_and_the_jobs_own(agent: AgentProcess) -> None:
    output, _ = agent.run('echo "$HOME|$ODD|$PYTHONUNBUFFERED"', env={"ODD": "a'b\"\n$x é"})

    assert output.decode() == f"{agent.home}|a'b\"\n$x é|1\n"


def test_a_variable_that_cannot_be_is_told_in_the_output(agent: AgentProcess) -> None:
    output, end = agent.run("echo hi", env={"A=B": "c"})

    assert b"cannot start" in output
    assert end["rc"] == 126


def test_the_command_holds_nothing_of_the_agents(agent: AgentProcess) -> None:
    agent.call("metrics", interval=5)

    output, _ = agent.run("exec ls /proc/self/fd")

    assert output.split() == [b"0", b"1", b"2", b"3"]  # 3 lists the folder


def test_the_command_has_no_signals_ignored_or_blocked(agent: AgentProcess) -> None:
    output, _ = agent.run("exec grep -E 'SigBlk|SigIgn' /proc/self/status")

    assert {int(line.split()[1], 16) for line in output.decode().splitlines()} == {0}


def test_files_of_a_job_are_for_its_user_alone(agent: AgentProcess) -> None:
    job = agent.start("echo secret")
    until("the job ends", lambda: status(agent, job)["state"] == "exited")

    folder = agent.folder(job)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in folder.iterdir()} == {0}
    assert folder.parent.parent.stat().st_mode & 0o777 == 0o700


def test_a_pty_is_a_terminal_that_the_command_controls(agent: AgentProcess) -> None:
    output, end = agent.run("test -t 0 && test -t 1 && stty size && : </dev/tty; exit 5", tty=True)

    assert (output, end["rc"]) == (b"24 80\r\n", 5)


def test_a_lot_of_output_through_a_pty_is_whole(agent: AgentProcess) -> None:
    output, end = agent.run("seq 1 100000", tty=True)

    assert output == b"".join(b"%d\r\n" % n for n in range(1, 100_001))
    assert end["rc"] == 0


@pytest.mark.parametrize(("name", "code"), [("INT", 130), ("KILL", 137)])
def test_signals_reach_a_command_on_a_pty(agent: AgentProcess, name: str, code: int) -> None:
    job = agent.start("echo up; sleep 60; echo not reached", tty=True)
    agent.follow(job)
    agent.event("out")
    until_it_sleeps(agent, job)

    agent.call("job_signal", job=job, signal=name)

    assert agent.output(off=4)[1]["rc"] == code


def test_a_child_that_keeps_the_pty_open_does_not_keep_the_job_running(
    agent: AgentProcess,
) -> None:
    output, end = agent.run("trap '' HUP; sleep 5 & echo done; exit 4", tty=True)

    assert (output, end["rc"]) == (b"done\r\n", 4)


def test_a_command_that_closes_its_pty_runs_on(agent: AgentProcess) -> None:
    _, end = agent.run("exec <&- >/dev/null 2>&1; sleep 0.1; exit 6", tty=True)

    assert end["rc"] == 6


# --- once


def test_the_same_id_never_starts_twice(agent: AgentProcess) -> None:
    job = agent.start("echo run >>ran; exit 3")
    until("the job ends", lambda: status(agent, job)["state"] == "exited")

    reply = agent.call("job_start", b"echo run >>ran", job=job, follow=stream())

    assert reply["state"] == "already"
    assert agent.output()[1]["rc"] == 3
    assert (agent.home / "ran").read_text() == "run\n"


def test_twenty_agents_that_start_one_job_at_once_start_it_once(
    start_agent: StartAgent, home: Path
) -> None:
    agents = [start_agent() for _ in range(5)]
    for each in agents:
        each.hello()
        each.call("job_status", jobs=[])
    job = new_job_id()

    def start(each: AgentProcess) -> list[str]:
        script = b"echo run >>ran; echo output; exit 3"
        asked = [each.ask("job_start", script, job=job) for _ in range(4)]
        answers = [each.answer(number) for number in asked]
        assert all(answer["ok"] for answer in answers), answers
        return [answer["state"] for answer in answers]

    with ThreadPoolExecutor(len(agents)) as pool:
        states = [state for part in pool.map(start, agents) for state in part]

    assert sorted(states) == ["already"] * 19 + ["started"]
    for each in agents:
        each.follow(job)
        output, end = each.output()
        assert (output, end["rc"]) == (b"output\n", 3)
    assert (home / "ran").read_text() == "run\n"


def test_twenty_jobs_at_once_all_run(agent: AgentProcess) -> None:
    agent.call("job_status", jobs=[])
    asked = [
        agent.ask("job_start", b"echo %d" % n, job=new_job_id(), follow=stream(n))
        for n in range(20)
    ]

    assert {agent.answer(number)["state"] for number in asked} == {"started"}
    found: dict[int, bytes] = {}
    ended = 0
    while ended < 20:
        while not agent.events:
            agent.receive_soon()
        header, payload = agent.events.popleft()
        ended += header["ev"] == "end"
        found[header["s"]] = found.get(header["s"], b"") + payload
    assert found == {n: b"%d\n" % n for n in range(20)}


def test_names_that_are_no_ids_are_refused(agent: AgentProcess) -> None:
    for name in ("../../etc", "", "x" * 32, "a" * 31, "a" * 32 + "-", "a" * 32 + "-1/..", 7, None):
        reply = agent.call("job_start", b"echo hi", job=name)
        assert not reply["ok"], name
    assert agent.start("true", job="a" * 32 + "-12")


# --- status and forget


def test_status_tells_every_state(agent: AgentProcess) -> None:
    running = agent.start("sleep 60")
    ended = agent.start("printf 123; exit 9")
    unknown = new_job_id()
    until("one has ended", lambda: status(agent, ended)["state"] == "exited")

    found = agent.call("job_status", jobs=[running, ended, unknown])["jobs"]

    assert found[running]["state"] == "running"
    assert {key: found[ended][key] for key in ("state", "rc", "size")} == {
        "state": "exited",
        "rc": 9,
        "size": 3,
    }
    assert found[unknown] == {"state": "unknown"}


def test_only_jobs_that_have_ended_are_forgotten(agent: AgentProcess) -> None:
    running, ended = agent.start("sleep 60"), agent.start("true")
    until("one has ended", lambda: status(agent, ended)["state"] == "exited")

    reply = agent.call("job_forget", jobs=[running, ended])

    assert reply["forgotten"] == [ended]
    assert agent.folder(running).exists()
    assert [path.name for path in agent.folder(ended).parent.iterdir()] == [running]
    assert status(agent, ended) == {"state": "unknown"}


def test_a_job_that_is_not_here_ends_unknown(agent: AgentProcess) -> None:
    agent.follow(new_job_id())

    assert agent.output()[1]["state"] == "unknown"


def until_it_sleeps(agent: AgentProcess, job: str) -> None:
    """Wait until the job's shell waits for its `sleep`: dash loses an INT that comes before."""
    pid = (agent.folder(job) / "id").read_text().split()[0]

    def sleeps() -> bool:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        names = [Path(f"/proc/{child}/comm").read_text().strip() for child in children]
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return names == ["sleep"] and state == "S"

    until("the shell waits for its sleep", sleeps)


def status(agent: AgentProcess, job: str) -> dict[str, object]:
    """One job's state."""
    found: dict[str, object] = agent.call("job_status", jobs=[job])["jobs"][job]
    return found


def stream(number: int = 1) -> dict[str, int]:
    """What `job_start` needs to follow at once."""
    return {"s": number, "off": 0, "credit": MIB}


def test_a_shell_complains_in_the_same_words_in_every_job_and_gets_no_file_of_ours(
    agent: AgentProcess,
) -> None:
    first, _ = agent.run("true\nno-such-command")
    second, _ = agent.run("true\nno-such-command")
    files, _ = agent.run("#!/bin/sh\nls /proc/self/fd")

    assert b"2: no-such-command" in first.replace(b"line ", b"")
    assert first == second
    assert b"9" not in files.split()
