"""Functions on a host: each in a process of its own, whatever it does to that."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

from tests.disks import fill, small_disk
from tests.remote.agent_process import interpreters, new_job_id, start_time, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.remote.agent_process import AgentProcess
    from tests.remote.conftest import StartAgent

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
MIB = 1024 * 1024

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def begin(agent: AgentProcess, function: Callable[..., Any], **fields: Any) -> str:
    """Start a function and give its job; it must have been started."""
    job = new_job_id()
    reply = ask(agent, job, function, **fields)
    assert reply["ok"], reply
    return job


def ask(
    agent: AgentProcess, job: str, function: Callable[..., Any], **fields: Any
) -> dict[str, Any]:
    payload = cloudpickle.dumps((function, fields.pop("arguments", {})))
    fields = {"version": PYTHON, "size": len(payload), **fields}
    return agent.call("function_start", payload, job=job, **fields)


def call(
    agent: AgentProcess, function: Callable[..., Any], **fields: Any
) -> tuple[bytes, dict[str, Any], Any]:
    """Call a function; gives its output, its end, and what it returned or raised."""
    job = begin(agent, function, **fields)
    agent.follow(job)
    output, end = agent.output()
    path = agent.folder(job) / "result"
    if not path.exists():
        return output, end, None
    word, _, data = path.read_bytes().partition(b"\n")
    assert end["result"] == path.stat().st_size
    return output, end, pickle.loads(data) if word == b"ok" else json.loads(data)


def test_a_function_returns_prints_and_leaves_its_status(agent: AgentProcess) -> None:
    def greet(name: str) -> dict[str, str]:
        print("hello", name)
        print("careful", file=sys.stderr)
        return {"name": name}

    output, end, result = call(agent, greet, arguments={"name": "there"})

    assert output == b"hello there\ncareful\n"
    assert (end["rc"], end["size"]) == (0, len(output))
    assert result == {"name": "there"}


def test_it_has_the_users_python_directory_variables_and_nothing_on_stdin(
    agent: AgentProcess,
) -> None:
    (agent.home / "work").mkdir()
    (agent.home / "work" / "beside.py").write_text("NAME = 'sent before'\n")

    def facts() -> list[object]:
        import beside  # type: ignore[import-not-found]

        return [os.getcwd(), os.environ["A"], "HOME" in os.environ, sys.stdin.read(), beside.NAME]

    _, _, result = call(agent, facts, cwd="work", env={"A": "1"})

    assert result == [str(agent.home / "work"), "1", True, "", "sent before"]


def test_it_holds_no_file_of_ours_and_leads_a_process_group_of_its_own(agent: AgentProcess) -> None:
    def facts() -> list[object]:
        files = {int(fd) for fd in os.listdir("/proc/self/fd")}
        ours = [name for name in sys.modules if name.partition(".")[0] == "lazytui"]
        return [sorted(files)[:3], len(files), os.getpgrp() == os.getpid(), ours]

    _, _, result = call(agent, facts)

    # The fourth is the folder that was listed, while it was.
    assert result == [[0, 1, 2], 4, True, []]


def test_many_at_once_are_each_called_once(agent: AgentProcess) -> None:
    def writes(name: str) -> str:
        with open(name, "x"):
            return name

    jobs = [
        begin(agent, writes, arguments={"name": f"n{number}"}, follow=None) for number in range(30)
    ]
    for number, job in enumerate(jobs):
        agent.follow(job, s=number + 1)
        assert agent.output(s=number + 1)[1]["rc"] == 0

    assert sorted(path.name for path in agent.home.glob("n*")) == sorted(
        f"n{number}" for number in range(30)
    )


def test_a_waiting_leader_that_is_killed_is_replaced(agent: AgentProcess) -> None:
    call(agent, lambda: 1)
    (nursery,) = children(agent)
    until("a leader waits", lambda: len(children_of(nursery)) == 1)
    (leader,) = children_of(nursery)

    os.kill(leader, signal.SIGKILL)
    until("another waits", lambda: children_of(nursery) not in ([leader], []))

    assert call(agent, lambda: 2)[2] == 2


def test_output_is_live(agent: AgentProcess) -> None:
    def waits() -> None:
        import time

        print("ready")
        time.sleep(60)

    begin(agent, waits, follow={"s": 1, "off": 0, "credit": MIB})

    assert agent.event("out")[1] == b"ready\n"


def test_what_it_raises_comes_back_with_the_traceback_of_the_host(agent: AgentProcess) -> None:
    def inner() -> None:
        raise ValueError("bad rate")

    def fails() -> None:
        inner()

    output, end, result = call(agent, fails)

    assert end["rc"] == 1
    assert (result["type"], result["message"]) == ("ValueError", "bad rate")
    assert result["traceback"] == output.decode()
    assert "in inner" in result["traceback"]
    assert "lazytui" not in result["traceback"], "our own frames help nobody"


def leaks_threads() -> str:
    import threading

    threading.Thread(target=print, args=("from a thread",)).start()
    return "done"


def forks() -> str:
    if os.fork() == 0:
        print("child")
        return "of the child"
    os.wait()
    return "of the parent"


@pytest.mark.parametrize(
    ("function", "status", "said"),
    [
        (lambda: sys.exit(3), 3, b""),
        (lambda: sys.exit("no data"), 1, b"no data\n"),
        (lambda: os._exit(4), 4, b""),
        (lambda: os.kill(os.getpid(), 11), 139, b""),
        (lambda: os.abort(), 134, b""),
    ],
    ids=["sys.exit", "sys.exit with words", "os._exit", "segfault", "abort"],
)
def test_a_function_may_end_its_process_and_hurts_nobody(
    agent: AgentProcess, function: Callable[[], Any], status: int, said: bytes
) -> None:
    output, end, result = call(agent, function)

    assert (end["state"], end["rc"], result) == ("exited", status, None)
    assert output == said
    assert call(agent, lambda: "next")[2] == "next"


def test_threads_are_waited_for_and_a_fork_that_returns_changes_nothing(
    agent: AgentProcess,
) -> None:
    assert call(agent, leaks_threads)[::2] == (b"from a thread\n", "done")
    assert call(agent, forks)[::2] == (b"child\n", "of the parent")


def test_what_one_function_leaves_behind_the_next_does_not_see(agent: AgentProcess) -> None:
    def spoils() -> None:
        import builtins

        builtins.print = None  # type: ignore[assignment]
        os.environ["LEFT"] = "behind"
        os.chdir("/")
        sys.modules["json"] = None  # type: ignore[assignment]
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def looks() -> list[object]:
        import json

        print("still here")
        return [os.environ.get("LEFT"), json.dumps(1), os.getcwd() != "/"]

    call(agent, spoils)

    assert call(agent, looks)[::2] == (b"still here\n", [None, "1", True])


def test_what_cannot_be_returned_is_told(agent: AgentProcess) -> None:
    import threading

    _, end, result = call(agent, threading.Lock)

    assert end["rc"] == 1
    assert "the lock that was returned cannot be sent" in result["message"]


def test_a_module_that_is_not_there_is_told(agent: AgentProcess) -> None:
    payload = cloudpickle.dumps((len, {})).replace(b"builtins", b"buildins")
    job = new_job_id()
    agent.call("function_start", payload, job=job, version=PYTHON, size=len(payload))
    agent.follow(job)
    _, end = agent.output()

    assert end["rc"] == 1
    assert b"No module named 'buildins'" in (agent.folder(job) / "result").read_bytes()


def test_a_signal_reaches_the_function_as_a_keyboard_interrupt(agent: AgentProcess) -> None:
    def cleans_up() -> None:
        import time

        print("ready")
        try:
            time.sleep(60)
        finally:
            print("cleaned up")

    job = begin(agent, cleans_up, follow={"s": 1, "off": 0, "credit": MIB})
    assert agent.event("out")[1] == b"ready\n"

    agent.call("job_signal", job=job, signal="INT")

    said, end = agent.output(off=6)
    assert said.startswith(b"cleaned up\n")
    assert end["rc"] == 130


def test_the_same_id_never_calls_a_second_time(agent: AgentProcess) -> None:
    def adds_a_line() -> None:
        with open("lines", "a") as lines:
            lines.write("x\n")

    job = new_job_id()
    replies = [ask(agent, job, adds_a_line)["state"] for _ in range(3)]
    agent.follow(job)
    agent.output()

    assert replies == ["started", "already", "already"]
    assert (agent.home / "lines").read_text() == "x\n"


def test_a_function_outlives_its_agent_and_its_result_is_found_by_the_next(
    start_agent: StartAgent,
) -> None:
    def waits() -> int:
        import time

        while not os.path.exists("go"):
            time.sleep(0.01)
        print("went on")
        return 7

    first = start_agent()
    first.hello()
    job = begin(first, waits)
    first.kill()
    second = start_agent()
    second.hello()

    (second.home / "go").touch()
    second.follow(job)
    output, end = second.output()

    assert (output, end["rc"]) == (b"went on\n", 0)
    assert (second.folder(job) / "result").read_bytes()[3:] == pickle.dumps(7, 5)


def test_what_is_returned_comes_with_the_end_or_in_pieces(agent: AgentProcess) -> None:
    small = begin(agent, lambda: "x" * 1000)
    agent.follow(small)
    header, payload = agent.event("end")
    assert payload == b"ok\n" + pickle.dumps("x" * 1000, 5)
    assert header["result"] == len(payload)

    job = begin(agent, lambda: os.urandom(MIB))
    agent.follow(job)
    header, payload = agent.event("end")

    assert payload == b""
    assert header["result"] > MIB


def test_a_big_function_is_put_there_in_pieces(agent: AgentProcess) -> None:
    data = os.urandom(3 * MIB)

    def digest() -> str:
        return hashlib.sha256(data).hexdigest()

    payload = cloudpickle.dumps((digest, {}))
    job = new_job_id()
    for at in range(0, len(payload), MIB // 2):
        piece = payload[at : at + MIB // 2]
        assert agent.call("function_put", piece, job=job, off=at)["ok"]
    early = agent.call("function_start", job=job, version=PYTHON, size=len(payload) + 1)
    reply = agent.call("function_start", job=job, version=PYTHON, size=len(payload))
    agent.follow(job)
    agent.output()

    assert (early["ok"], early["kind"]) == (False, "not-put")
    assert reply["state"] == "started"
    result = (agent.folder(job) / "result").read_bytes()
    assert pickle.loads(result[3:]) == hashlib.sha256(data).hexdigest()


# -- the nursery


def children(agent: AgentProcess) -> list[int]:
    return children_of(agent.process.pid)


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as found:
        return [int(word) for word in found.read().split()]


def test_the_nursery_ends_with_its_agent_and_is_started_anew_when_it_was_killed(
    agent: AgentProcess,
) -> None:
    call(agent, lambda: 1)
    (nursery,) = children(agent)
    born = start_time(nursery)

    os.kill(nursery, signal.SIGKILL)
    until("the nursery is gone", lambda: start_time(nursery) != born)
    # A leader that waited for it ends with it; who asks at that very moment has to ask again.
    until("functions are started", lambda: ask(agent, new_job_id(), lambda: 2)["ok"])
    assert call(agent, lambda: 2)[2] == 2
    (another,) = children(agent)
    agent.kill()

    until("the other is gone", lambda: not start_time(another))


def test_an_interpreter_that_is_another_version_or_none_is_refused(agent: AgentProcess) -> None:
    wrong = ask(agent, new_job_id(), len, version="3.99")
    none = ask(agent, new_job_id(), len, python="/no/such/python")
    broken = ask(agent, new_job_id(), len, python="/bin/false")

    assert (wrong["kind"], wrong["error"]) == (
        "python",
        f"{sys.executable} is Python {PYTHON}, not 3.99",
    )
    assert "/no/such/python did not start" in none["error"]
    assert "/bin/false did not start: it says nothing" in broken["error"]


@pytest.mark.parametrize("version", sorted(set(interpreters()) - {PYTHON}))
def test_an_agent_of_any_python_has_functions_called_by_the_right_one(
    start_agent: StartAgent, version: str
) -> None:
    agent = start_agent(python=interpreters()[version])
    agent.hello()

    _, end, result = call(agent, lambda: sys.version_info[:2], python=sys.executable)

    assert end["rc"] == 0
    assert result == sys.version_info[:2]


# -- what hosts can do to them


def test_a_signal_at_the_very_start_is_not_lost(agent: AgentProcess) -> None:
    """Neither of a function nor of a command: both are forked from a leader that ignores it."""
    codes = []
    for _ in range(10):
        job = begin(agent, lambda: time.sleep(60))
        agent.call("job_signal", job=job, signal="TERM")
        command = agent.start("exec sleep 60")
        agent.call("job_signal", job=command, signal="TERM")
        for started in (job, command):
            agent.follow(started)
            codes.append(agent.output()[1]["rc"])

    assert codes == [143] * 20


def test_a_full_disk_starts_nothing_and_says_so(start_agent: StartAgent, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "512k") as disk:
        agent = start_agent(env={"XDG_STATE_HOME": str(disk)})
        agent.hello()
        ballast = fill(disk)

        refused = [ask(agent, new_job_id(), lambda: 1) for _ in range(2)]
        ballast.unlink()
        allowed = ask(agent, new_job_id(), lambda: 1)

    assert [reply["kind"] for reply in refused] == ["no-space"] * 2
    assert allowed["ok"], allowed


def test_a_return_for_which_there_is_no_room_is_a_failure(
    start_agent: StartAgent, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "512k") as disk:
        agent = start_agent(env={"XDG_STATE_HOME": str(disk)})
        agent.hello()

        job = begin(agent, lambda: bytes(1 << 20))
        agent.follow(job)
        _, end = agent.output()

    assert (end["state"], end["rc"]) == ("exited", 1)
    assert "result" not in end
