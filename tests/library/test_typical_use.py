"""The script that is held to strict types does what it says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.engines import ROOT, environment

if TYPE_CHECKING:
    from tests.sshd import SSHFarm


def test_the_typed_script_runs(hosts: SSHFarm) -> None:
    script = ROOT / "tests" / "library" / "typical_use.py"
    done = subprocess.run(
        [sys.executable, str(script), "host-1", "host-2"],
        env=environment(hosts),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "hi 42 1\nhost-1 exit 3 2\nhost-1 host-2\n"
