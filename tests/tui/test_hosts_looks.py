"""How Hosts and one host look. Changed on purpose? Update and look: ``--snapshot-update``."""

from __future__ import annotations

import pytest

from lazytui.core.model import HostState, RunState
from lazytui.tui.app import LazytuiApp
from tests.tui.fake_engine import (
    STOPPED_CLOCK,
    FakeConfig,
    FakeEngine,
    FakeEntry,
    FakeRuntime,
    lab,
    with_runs,
)
from tests.tui.seen import settle

SIZES = [(80, 24), (130, 34)]
# Each begins on the first host; the keys, and what is to be seen after them.
LOOKS = {
    "folded": (["o", "u", *"jjjjjjjj"], "3 hosts"),
    "unfolded": (["F", "space", "v", "j"], "ends the range"),
    "filter": (["slash", *"gpu>=1 cpu<50%"], "3 of 13"),
    "filter-error": (["slash", *"gpu>="], "expected a number"),
    "nothing-found": (["slash", *"zzz", "enter"], "shows all"),
    "sort": (["o"], "as in the ssh config"),
    "host": (["enter"], "overview"),
    "host-tasks": (["enter", "tab"], "exit 0"),
    "host-down": (["slash", *"node07", "enter", "enter"], "not reachable"),
    "host-log": (["slash", *"node07", "enter", "enter", "left"], "14:43:25"),
}


def rack(spool_dir) -> FakeEngine:
    """Give a lab in which three hosts do not answer, and one has done its work before."""
    engine = lab(spool_dir)
    for name in ("node08", "node09"):
        place = FakeEntry("~/.ssh/config", 44)
        engine.add(
            FakeRuntime(
                name, HostState.INACTIVE, "no answer in 5 s", next_s=22.0, entry=place,
                address=f"root@{name}:22",
            )
        )  # fmt: skip
    engine.add_run("gpu01", "nvidia-smi -q", state=RunState.SUCCEEDED, exit_status=0, took=4)
    return with_runs(engine)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "130x34"])
@pytest.mark.parametrize("look", LOOKS)
def test_hosts_look_as_before(look, size, snap_compare, tmp_path):
    keys, until = LOOKS[look]

    async def go(pilot) -> None:
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
        await settle(pilot, until)
        await pilot.pause(0.2)

    app = LazytuiApp(rack(tmp_path), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=go)


def test_the_empty_page_looks_as_before(snap_compare):
    engine = FakeEngine(config=FakeConfig(skipped_patterns=("*", "*.lab")))
    app = LazytuiApp(engine, clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=(80, 24))
