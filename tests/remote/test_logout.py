"""Hosts whose logind ends what a login leaves behind: that is told before it is missed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from lazytui.core.events import Notice
from lazytui.core.model import RunState
from lazytui.remote import logout
from tests.engines import ended, engine_on, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

YES = "[Login]\nKillUserProcesses = yes\n"


@pytest.mark.parametrize(
    ("said", "user", "ends"),
    [
        ([], "ann", False),
        ([YES], "ann", True),
        ([YES], "root", False),
        (["#KillUserProcesses=yes\n"], "ann", False),
        ([YES, "KillUserProcesses=no"], "ann", False),
        ([YES, "KillExcludeUsers=bob ann"], "ann", False),
        ([YES, "KillExcludeUsers=bob"], "root", True),
        (["KillOnlyUsers=bob"], "bob", True),
        ([YES, "KillOnlyUsers=bob"], "ann", False),
    ],
)
def test_what_logind_does_at_log_out_is_read_as_it_reads_it(
    said: list[str], user: str, ends: bool
) -> None:
    assert logout.kills(said, user) is ends


@pytest.mark.sshd
async def test_a_host_that_ends_jobs_at_log_out_says_so_with_its_first_run(
    farm: SSHFarm, tmp_path: Path
) -> None:
    if os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a /run of its own needs root")
    conf = tmp_path / "lazytui.conf"
    conf.write_text(f"{YES}KillExcludeUsers=nobody\n")
    script = (
        "mount -t tmpfs lazytui-test /run && mkdir -p /run/sshd /run/systemd/system"
        f" /run/systemd/logind.conf.d && cp '{conf}' /run/systemd/logind.conf.d && exec \"$@\""
    )
    farm.add("gpu01", prefix=["unshare", "-m", "sh", "-c", script, "sh"])
    farm.add("gpu02")

    async with engine_on(farm) as engine:
        with engine.events.subscribe() as events:
            runs = [await start(engine, host, "true") for host in ("gpu01", "gpu02")]
            states = {(await ended(run)).state for run in runs}
            told = [event.text for event in await events.drain() if isinstance(event, Notice)]

    assert states == {RunState.SUCCEEDED}
    assert len(told) == 1
    assert told[0].startswith("gpu01 ends jobs when the last connection to it ends")
