"""Three hosts that cannot reach each other, for clusters."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.clusters.programs import HOSTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.netns import NetnsLab
    from tests.sshd import SSHFarm


@pytest.fixture
def apart(
    netns: NetnsLab, farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> SSHFarm:
    """The farm of three hosts; programs in ``tmp_path`` are on their PATH and on ours."""
    for name, value in farm.env().items():
        monkeypatch.setenv(name, value)
    path = f"{tmp_path}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    for host in HOSTS:
        netns.add(host, path=path)
    links = subprocess.run(["ip", "-o", "link", "show"], capture_output=True, text=True, check=True)
    for line in links.stdout.splitlines():
        name = line.split(": ")[1].partition("@")[0]
        if name.startswith(f"{netns._token}h"):  # ends of hosts on the bridge: not to each other
            subprocess.run(
                ["ip", "link", "set", name, "type", "bridge_slave", "isolated", "on"], check=True
            )
    return farm
