"""``lazytui hosts --json`` with an engine running, against ``python -c "import asyncssh"``.

python -m tests.benchmarks.bench_commands
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.engines import environment
from tests.leftovers import end_engines
from tests.sshd import SSHFarm

HOSTS, ROUNDS = 16, 15
START = (
    "from lazytui.pump.connect import start; from lazytui.rendezvous import meeting_point; "
    "start(meeting_point())"
)


def main() -> None:
    """Print the medians and their ratio."""
    with tempfile.TemporaryDirectory(prefix="lzb-") as folder:
        farm = SSHFarm(Path(folder))
        try:
            farm.add_many("gpu", HOSTS)
            env = environment(farm)
            subprocess.run([sys.executable, "-c", START], env=env, check=True)
            ours = [sys.executable, "-m", "lazytui", "hosts", "--json"]
            peer = [sys.executable, "-c", "import asyncssh"]
            subprocess.run(ours, env=env, stdout=subprocess.DEVNULL, check=True)
            times: dict[str, list[float]] = {"ours": [], "peer": []}
            for _ in range(ROUNDS):  # in turns, so that a busy machine is as busy for both
                times["ours"].append(_seconds(ours, env))
                times["peer"].append(_seconds(peer, env))
        finally:
            end_engines(farm.home)
            farm.close()
    medians = {name: sorted(all_)[ROUNDS // 2] for name, all_ in times.items()}
    print(f"hosts --json, {HOSTS} hosts, engine running: {medians['ours'] * 1e3:.0f} ms")
    print(f"python -c 'import asyncssh':              {medians['peer'] * 1e3:.0f} ms")
    print(f"ratio {medians['ours'] / medians['peer']:.2f} (to reach: 0.5)")


def _seconds(words: list[str], env: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(words, env=env, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
