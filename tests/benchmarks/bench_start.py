"""Starting up: `lazytui hosts` without hosts, and `import lazytui`, against Python itself.

python tests/benchmarks/bench_start.py [rounds]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measure import interleave, lazytui, report, timed, with_path

from tests.sshd import SSHFarm


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory(prefix="lazytui-bench-") as folder:
        env = with_path(SSHFarm(Path(folder) / "farm").env())
        python = [sys.executable, "-c"]
        medians = interleave(
            {
                "lazytui hosts": lambda: timed(lazytui(env, "hosts"), env),
                "import asyncssh": lambda: timed([*python, "import asyncssh"], env),
                "import lazytui": lambda: timed([*python, "import lazytui"], env),
                "pass": lambda: timed([*python, "pass"], env),
            },
            rounds,
        )
        report("no hosts", medians, "lazytui hosts", {"import asyncssh": 0.6})
        report("import", medians, "import lazytui", {"pass": 2.0})


if __name__ == "__main__":
    main()
