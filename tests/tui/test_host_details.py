"""One host in full: what it is, what ran on it, how it is reached, and what is wrong."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from lazytui.core.model import HostState, RunState
from lazytui.tui.screens.host import HostScreen
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.widgets.host_panel import meter_rows, wrapped
from lazytui.tui.widgets.host_trouble import LIKELY, ssh_line
from lazytui.tui.widgets.reading import Reading
from tests.tui.fake_engine import FakeConfig, FakeEngine, FakeEntry, FakeRuntime, lab, up, with_runs
from tests.tui.seen import row_of, rows, settle, shown, text


async def go_to(pilot, host: str) -> None:
    """Open the details of a host."""
    pilot.app.screen.set_filter(f"host:{host}")
    await pilot.press("enter")
    await settle(pilot, f"Hosts › {host}")


def down(**facts: object) -> FakeEngine:
    engine = FakeEngine()
    runtime = FakeRuntime("node07", HostState.INACTIVE, "no answer in 5 s", error_kind="timeout")
    runtime.address, runtime.entry = "root@10.0.3.7:22", FakeEntry("~/.ssh/config", 41)
    for name, value in facts.items():
        setattr(runtime, name, value)
    engine.add(runtime)
    return engine


# A host that is up


@pytest.mark.parametrize("key", ["enter", "d"])
async def test_a_key_opens_the_details_and_escape_comes_back_to_the_row(key):
    async with shown(lab()) as pilot:
        await pilot.press("j", key)
        await settle(pilot, "Hosts › gpu02")
        await pilot.press("escape")
        await settle(pilot, "▌  gpu02")
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_the_overview_tells_the_recent_load_of_every_measure():
    async with shown(lab()) as pilot:
        await pilot.press("enter")
        await settle(pilot, "overview")
        assert "71%  load 5.7" in row_of(pilot.app, "cpu  ")
        assert "41%  26G/64G" in row_of(pilot.app, "mem  ")
        assert "62%  558G/900G" in row_of(pilot.app, "disk ")
        assert "↓2.1M  ↑146K" in row_of(pilot.app, "net  ")
        assert "98%  38G/40G" in row_of(pilot.app, "gpu0 ")
        assert "88%  36G/40G" in row_of(pilot.app, "gpu3 ")
        assert "8 cores · 64G" in text(pilot.app)


async def test_a_full_disk_stands_out_here_too():
    async with shown(lab(), (130, 34)) as pilot:
        await pilot.press("j", "j")
        await settle(pilot, "91%! 819G/900G")


@pytest.mark.parametrize(
    ("keys", "seen"),
    [
        (["right_square_bracket"], "python train.py"),
        (["tab"], "python train.py"),
        (["right", "right"], "the connection log is empty"),
        (["left_square_bracket"], "the connection log is empty"),
        (["right", "left"], "load 5.7"),
        (["tab", "tab", "tab"], "load 5.7"),
    ],
)
async def test_keys_go_from_tab_to_tab(keys, seen):
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("enter")
        await settle(pilot, "overview")
        await pilot.press(*keys)
        await settle(pilot, seen)


async def test_a_click_chooses_a_tab():
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("enter")
        await settle(pilot, "overview")
        await pilot.click("TabRow", offset=(14, 0))
        await settle(pilot, "python train.py")


async def test_the_tasks_are_those_of_this_host_and_enter_shows_their_output(tmp_path):
    engine = with_runs(lab(tmp_path))
    engine.add_run("gpu01", "uptime", state=RunState.SUCCEEDED, exit_status=0, ago=5, took=1)
    async with shown(engine) as pilot:
        await pilot.press("enter")
        await settle(pilot, "tasks 2")
        await pilot.press("tab", "j")
        await settle(pilot, "▌     #6")
        assert "sleep 600" not in text(pilot.app)
        await pilot.press("enter")
        await settle(pilot, "epoch 4")
        assert isinstance(pilot.app.screen, OutputScreen)


async def test_a_host_where_nothing_ran_says_how_to_begin():
    async with shown(lab()) as pilot:
        await pilot.press("enter", "tab")
        await settle(pilot, "Nothing ran here yet   r runs a command")


async def test_r_and_capital_r_work_on_this_host_alone():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("space", "space", "enter", "R", "r")
        await settle(pilot, "gpu03")
        assert engine.asked == [("refresh", ("gpu03",))]


async def test_what_changes_is_seen_without_a_key():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("enter")
        await settle(pilot, "load 5.7")
        engine.change("gpu01", state=HostState.INACTIVE, reason="refused", error_kind="refused")
        await settle(pilot, "What happened   refused")
        engine.change("gpu01", state=HostState.ACTIVE, reason="")
        await settle(pilot, "load 5.7")


async def test_a_host_that_leaves_the_config_is_told_and_harms_nothing():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("enter")
        await settle(pilot, "overview")
        runtime = engine.runtimes.pop("gpu01")
        pilot.app.screen.rebuild()
        await settle(pilot, "no longer in the ssh config")
        await pilot.press("r", "R", "y", "l", "tab", "escape")
        assert runtime.host not in engine.runtimes


# A host that is down


async def test_the_page_of_a_host_that_is_down_tells_what_where_when_and_why():
    async with shown(lab()) as pilot:
        await go_to(pilot, "node07")
        seen = text(pilot.app)
        assert "○ not reachable for 41m" in seen
        assert "What happened   no answer in 5 s" in seen
        assert "Way taken       here › bastion ✓ › root@10.0.3.7:22 ✗" in seen
        assert "Tried           3 times, last 12s ago, next in 40 s" in seen
        assert "Config          ~/.ssh/config:41   Host node07" in seen
        assert "Likely          the host is off, or a firewall" in seen
        assert "R  try now" in seen
        assert "y  copy  ssh -v node07" in seen
        assert "14:43:25  no answer in 5 s" in seen


async def test_the_way_ends_where_it_is_broken():
    async with shown(down(jumps=("a", "b"), reason="bastion a: refused")) as pilot:
        await pilot.press("enter")
        await settle(pilot, "here › a ✗ › root@10.0.3.7:22")


async def test_a_host_of_which_little_is_known_says_little():
    async with shown(down(entry=None, error_kind="", log=())) as pilot:
        await pilot.press("enter")
        await settle(pilot, "not reachable")
        for word in ("Tried", "Config", "Likely", "Connection log"):
            assert word not in text(pilot.app)


async def test_y_copies_the_ssh_line_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("TMUX", raising=False)
    async with shown(down()) as pilot:
        await pilot.press("enter")
        await settle(pilot, "not reachable")
        await pilot.press("y")
        await settle(pilot, "clipboard")
        assert pilot.app.clipboard == "ssh -v node07"


@pytest.mark.parametrize(
    ("host", "config", "line"),
    [
        ("gpu01", "~/.ssh/config", "ssh -v gpu01"),
        ("gpu01", "/tmp/my config", "ssh -v -F '/tmp/my config' gpu01"),
        ("a b;c", "~/.ssh/config", "ssh -v 'a b;c'"),
        ("-oProxyCommand=x", "~/.ssh/config", "ssh -v -- -oProxyCommand=x"),
    ],
)
def test_the_ssh_line_is_safe_to_paste(host, config, line):
    assert ssh_line(host, config) == line


@pytest.mark.parametrize("kind", LIKELY)
async def test_every_guess_fits_a_small_terminal(kind):
    assert len(LIKELY[kind]) < 100
    assert all(cell_len(row[0].text) <= 24 for row in wrapped(LIKELY[kind], 24))


async def test_a_long_page_scrolls():
    lines = tuple(f"14:00:{n:02} line {n}" for n in range(50))
    async with shown(down(log=lines)) as pilot:
        await pilot.press("enter", "right", "right", "G")
        await settle(pilot, "line 49")
        await pilot.press("g")
        await settle(pilot, "line 0")
        await pilot.press("pagedown", "ctrl+d", "j", "k", "ctrl+u", "pageup")
        await settle(pilot, "line 0")
        assert isinstance(pilot.app.focused, Reading)


# Any terminal, any text


NASTY = [
    "a[/x] [bold]b[/bold]",
    "主机" * 60,
    "h" * 200,
    "e\u0301" * 100,
    "a\x1b]52;c;x\x07b",
    "$fine",
]


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (80, 24), (130, 34)])
@pytest.mark.parametrize("nasty", NASTY)
async def test_any_text_is_shown_as_it_is(nasty, size):
    engine = down(
        host=nasty, reason=f"bastion {nasty}: {nasty}", jumps=(nasty, nasty), log=(nasty, nasty),
        address=nasty, entry=FakeEntry(nasty, 3), attempts=1, last_s=3.0, next_s=4.0,
    )  # fmt: skip
    engine.runtimes = {nasty: next(iter(engine.runtimes.values()))}
    engine.add_run(nasty, nasty, state=RunState.LOST, reason=nasty)
    async with shown(engine, size) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostScreen)
        for key in ("tab", "tab", "tab", "R"):
            seen = rows(pilot.app)
            assert all(cell_len(row) <= size[0] for row in seen)
            assert "\x1b" not in "".join(seen)
            await pilot.press(key)


@pytest.mark.parametrize("cells", range(0, 60, 7))
def test_meters_fill_exactly_their_room(cells):
    runtime = up("gpu01", 0.7, 0.4, 0.99, (0.9, 0.9), (0.0, 0.1))
    for row in meter_rows(runtime, cells):
        assert sum(cell_len(piece.text) for piece in row) == cells


# No hosts


async def test_the_empty_page_says_what_was_read_and_what_it_passed_over():
    engine = FakeEngine(
        config=FakeConfig(
            (("/home/ana/.ssh/config",), ("/etc/ssh/ssh_config",)), ("*", "*.lab", "!x", "web*")
        )
    )
    async with shown(engine) as pilot:
        assert "Read: /home/ana/.ssh/config, /etc/ssh/ssh_config" in text(pilot.app)
        assert "4 patterns skipped: *, *.lab, !x, …" in text(pilot.app)
        assert "lazytui demo" in text(pilot.app)


async def test_the_table_has_the_keys_when_the_first_host_appears():
    engine = FakeEngine()
    async with shown(engine) as pilot:
        engine.add(FakeRuntime("new01", HostState.LISTED, "not tried yet"))
        engine.add(FakeRuntime("new02", HostState.LISTED, "not tried yet"))
        engine.change("new01")
        await settle(pilot, "new01")
        await pilot.press("j")
        await settle(pilot, "▌  new02")
