"""What the agent costs on a host: time to hello, a job's round trip, output speed, memory.

python tests/benchmarks/bench_agent.py [rounds]
"""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.remote.agent_process import AgentProcess, interpreters

MIB = 1024 * 1024


def milliseconds(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:6.1f} ms"


def hello_times(home: Path, rounds: int) -> None:
    """Interpreter start alone, against exec line to hello, alternating."""
    for version, python in sorted(interpreters().items(), key=lambda v: int(v[0].split(".")[1])):
        bare: list[float] = []
        hello: list[float] = []
        for _ in range(rounds):
            start = time.perf_counter()
            subprocess.run(["sh", "-c", f"exec {python} -I -S -c pass"], check=True)
            bare.append(time.perf_counter() - start)
            start = time.perf_counter()
            with AgentProcess(home, python=python) as agent:
                agent.hello()
                hello.append(time.perf_counter() - start)
        more = statistics.median(hello) - statistics.median(bare)
        print(
            f"hello {version:5} {milliseconds(hello)}   bare start {milliseconds(bare)}"
            f"   difference {more * 1000:4.1f} ms"
        )


def job_times(home: Path, rounds: int) -> None:
    """`echo hi`: request to answer, and request to end event."""
    with AgentProcess(home) as agent:
        agent.hello()
        agent.run("echo warm")
        started: list[float] = []
        ended: list[float] = []
        for _ in range(rounds * 5):
            begin = time.perf_counter()
            agent.start("echo hi", follow={"s": 1, "off": 0, "credit": MIB})
            started.append(time.perf_counter() - begin)
            agent.output()
            ended.append(time.perf_counter() - begin)
        print(f"job started {milliseconds(started)}   ended {milliseconds(ended)}   (p50)")


def first_job_time(home: Path, rounds: int) -> None:
    """The first job of a fresh agent: its part must be sent and compiled."""
    times: list[float] = []
    for _ in range(rounds):
        with AgentProcess(home) as agent:
            agent.hello()
            begin = time.perf_counter()
            agent.run("echo hi")
            times.append(time.perf_counter() - begin)
    print(f"first job   {milliseconds(times)}")


def output_speed(home: Path, rounds: int, size: int = 200 * MIB) -> None:
    """A file of output that is there already, and one that grows, read from the agent's pipe."""
    for words, wait in (("finished job", True), ("running job", False)):
        speeds: list[float] = []
        for _ in range(max(3, rounds // 3)):
            with AgentProcess(home) as agent:
                agent.hello()
                job = agent.start(f"head -c {size} /dev/zero")
                while wait and state(agent, job) != "exited":
                    select.select([], [], [], 0.01)
                begin = time.perf_counter()
                agent.ask("job_follow", job=job, s=1, off=0, credit=1 << 40)
                speeds.append(size / MIB / drain(agent, size, begin))
        print(f"output of a {words}: {statistics.median(speeds):6.0f} MiB/s")


def state(agent: AgentProcess, job: str) -> str:
    found: str = agent.call("job_status", jobs=[job])["jobs"][job]["state"]
    return found


def drain(agent: AgentProcess, size: int, begin: float) -> float:
    """Seconds until ``size`` bytes and more have come in; nothing is parsed."""
    assert agent.process.stdout is not None
    fd = agent.process.stdout.fileno()
    buffer = bytearray(MIB)
    got = 0
    while got < size:
        got += os.readv(fd, [buffer])
    agent.buffer.clear()
    return time.perf_counter() - begin


def memory(home: Path) -> None:
    """Resident memory of an idle agent, and of a job's leader, in what nobody shares, too."""
    with AgentProcess(home) as agent:
        agent.hello()
        print("memory after hello   ", resident(agent.process.pid))
        agent.call("metrics", interval=60)
        print("memory with metrics  ", resident(agent.process.pid))
        job = agent.start("exec sleep 60")
        print("memory with jobs     ", resident(agent.process.pid))
        leader = int((agent.folder(job) / "id").read_text().split()[3])
        print("memory of a leader   ", resident(leader))
        agent.call("job_signal", job=job, signal="KILL")
        agent.follow(job)
        agent.output()


def resident(pid: int) -> str:
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        fields[name] = int(rest.split()[0])
    own = fields["Private_Dirty"] + fields["Private_Clean"]
    return f"{fields['Rss'] / 1024:5.1f} MiB resident, {own / 1024:4.1f} MiB its own"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        home = Path(folder)
        hello_times(home, rounds)
        first_job_time(home, rounds)
        job_times(home, rounds)
        output_speed(home, rounds)
        memory(home)


if __name__ == "__main__":
    main()
