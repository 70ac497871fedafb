"""Detecting hosts, cold: whole processes, against OpenSSH under xargs and parallel-ssh.

python tests/benchmarks/bench_detect.py [rounds]

parallel-ssh is measured when it is installed (`pip install parallel-ssh`).
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measure import interleave, lazytui, report, timed, with_path

from tests.sshd import SSHFarm

if TYPE_CHECKING:
    from collections.abc import Mapping

LAZYCLUSTER_S = 6.3  # measured once with lazycluster 0.2.4 on 16 + 4 + 2 hosts; not run here

PSSH = """
import sys
from pssh.clients import ParallelSSHClient
hosts = sys.argv[3:]
client = ParallelSSHClient(hosts, port=int(sys.argv[1]), pkey=sys.argv[2], pool_size=256,
    allow_agent=False)
output = client.run_command("python3 --version")
client.join(output)
assert all(o.exit_code == 0 for o in output), [o.exit_code for o in output]
"""


def xargs(farm: SSHFarm, *options: str) -> list[str]:
    """`ssh HOST python3 --version` for each name on stdin, 32 at a time."""
    ssh = ["ssh", "-F", str(farm.config), *options, "{}", "python3", "--version"]
    return ["xargs", "-P32", "-I{}", *ssh]


def cold(farm: SSHFarm, env: Mapping[str, str], count: int, rounds: int) -> float:
    """Measure one number of hosts; gives our seconds a host."""
    names = "\n".join(f"n{count}x{k:03d}" for k in range(1, count + 1))
    hosts = farm.add_many(f"n{count}x", count)
    where = f"n{count}x[001-{count:03d}]"

    def ours() -> float:
        begin = time.perf_counter()
        done = subprocess.run(
            lazytui(env, "-F", str(farm.config), "hosts", "--json", where),
            env=dict(env),
            capture_output=True,
            check=True,
        )
        seconds = time.perf_counter() - begin
        states = [host["state"] for host in json.loads(done.stdout)]
        assert states == ["active"] * count, (states, done.stderr)
        return seconds

    cases = {"lazytui hosts": ours}
    reach = {}
    curve = ["-o", "KexAlgorithms=curve25519-sha256"]
    if count <= 64:
        cases["xargs -P32 ssh"] = lambda: timed(xargs(farm), env, stdin=names)
        reach["xargs -P32 ssh"] = 0.45
    cases["xargs -P32 ssh, curve25519"] = lambda: timed(xargs(farm, *curve), env, stdin=names)
    reach["xargs -P32 ssh, curve25519"] = 1.4
    if count > 64:
        del reach["xargs -P32 ssh, curve25519"]
    if importlib.util.find_spec("pssh"):
        addresses = [host.address for host in hosts]
        argv = [sys.executable, "-c", PSSH, str(farm.port), str(farm.client_key), *addresses]
        cases["parallel-ssh"] = lambda: timed(argv, env)
        if count > 64:
            reach["parallel-ssh"] = 1.1
    medians = interleave(cases, rounds)
    report(f"{count} hosts, cold, whole process", medians, "lazytui hosts", reach)
    return medians["lazytui hosts"] / count


def mixed(farm: SSHFarm, env: Mapping[str, str]) -> None:
    """16 good, 4 refused, 2 silent hosts: when is each known?"""
    farm.add_many("good", 16)
    for number in range(4):
        farm.add_refused(f"refused{number}")
    for number in range(2):
        farm.add_silent(f"silent{number}")
    script = Path(__file__).with_name("detect_times.py")
    where = ["good[001-016]", "refused[0-3]", "silent[0-1]"]
    done = subprocess.run(
        [sys.executable, str(script), str(farm.config), *where],
        env=dict(env),
        capture_output=True,
        text=True,
        check=True,
    )
    times = json.loads(done.stdout)
    start_up = times.pop("")
    known = max(seconds for name, seconds in times.items() if not name.startswith("silent"))
    print(f"\n16 good, 4 refused, 2 silent hosts; lazycluster takes {LAZYCLUSTER_S} s (serial)")
    print(f"  good and refused ones known   {known:.3f} s (reach <= 0.6 s)")
    print(f"  all known                     {max(times.values()):.3f} s (reach <= 5.5 s)")
    print(f"  and before that, start-up     {start_up:.3f} s")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="lazytui-bench-") as folder:
        farm = SSHFarm(Path(folder) / "farm")
        env = with_path(farm.env())
        try:
            mixed(farm, env)
            small = cold(farm, env, 64, rounds)
            large = cold(farm, env, 256, max(3, rounds - 2))
            print(f"\ncost a host at 256 against 64: {large / small:.2f}x (reach <= 1.15x)")
        finally:
            farm.close()


if __name__ == "__main__":
    main()
