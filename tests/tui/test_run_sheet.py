"""The Run sheet: where, how, what; its history; what it says will happen; what it keeps."""

from __future__ import annotations

import asyncio

import pytest
from textual.events import Paste

from lazytui.core.history import PastCommand
from lazytui.core.model import HostState
from lazytui.core.plan import Plan
from lazytui.core.where import Where, parse_where
from lazytui.errors import UsageError
from lazytui.tui.app import LazytuiApp
from lazytui.tui.run_order import Draft, Targets, forecast, in_one_line, order_of
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.run_prompt import RunPrompt, ask_run
from lazytui.tui.screens.tasks import TasksScreen
from tests.tui.fake_engine import NOW, STOPPED_CLOCK, FakeRuntime, lab, up, with_runs
from tests.tui.seen import row_of, rows, settle, shown, text

PAST = [
    PastCommand("nvidia-smi -q -d MEMORY", NOW - 720, 4),
    PastCommand("df -h /data", NOW - 3600, 12),
    PastCommand("make -j8 all", NOW - 90_000, 1),
]


def busy_lab(tmp_path=None):
    engine = with_runs(lab(tmp_path))
    engine.past = list(PAST)
    engine.members = {"train": ["gpu01", "gpu02"], "etl": ["cpu01", "cpu02"]}
    return engine


def ask(pilot, hosts, command="", **more):
    """Open the sheet as a screen does."""
    app = pilot.app
    ask_run(app.screen, app.context, hosts, command, **more)


def said(pilot) -> str:
    """What the sheet expects, in one line."""
    sheet = pilot.app.screen
    assert isinstance(sheet, RunPrompt)
    return str(sheet._expect.visual)


async def opened(pilot, hosts=("gpu02", "gpu03"), command="", **more):
    ask(pilot, hosts, command, **more)
    await settle(pilot, "Command")


# --- where -----------------------------------------------------------------------------------


async def test_the_sheet_names_the_hosts_and_says_what_speaks_against_them():
    async with shown(busy_lab()) as pilot:
        await opened(pilot)
        assert "Run on gpu[02-03]" in row_of(pilot.app, "Run on")
        assert row_of(pilot.app, "Run on").endswith("2 hosts")
        assert said(pilot) == "Will run on 2 hosts: gpu02 gpu03. gpu03 disk is 91% full."


async def test_hosts_that_are_down_are_told_together_with_what_will_come_of_it():
    async with shown(busy_lab()) as pilot:
        await opened(pilot, ["gpu01", "node07"])
        assert "node07 is down (no answer in 5 s): the run fails there." in said(pilot)


async def test_what_it_expects_follows_the_hosts():
    engine = busy_lab()
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"])
        engine.change("gpu02", state=HostState.INACTIVE, reason="refused")
        await settle(pilot, "gpu02 is down (refused)")


async def test_shown_hosts_groups_and_anything_else_can_be_chosen_instead(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, shown=["gpu01", "gpu02", "gpu03"], label="marked")
        assert "● marked gpu[02-03]   ○ shown 3   ○ @etl   ○ @train" in row_of(pilot.app, "Where")
        await pilot.press("shift+tab", "shift+tab", "right")
        await settle(pilot, "Will run on 3 hosts: gpu01 gpu02 gpu03.")
        await pilot.press("right")
        await settle(pilot, "Will run on 2 hosts: cpu01 cpu02.")
        await pilot.press("right", "right")
        await settle(pilot, "say where: gpu[01-04], @group, or a filter")
        await pilot.press("tab", *"cpu[01-02],@train")
        await settle(pilot, "Will run on 4 hosts: gpu01 gpu02 cpu01 cpu02.")
        await pilot.press("tab", "tab", *"df", "enter")
        await settle(pilot, "Tasks")
        assert engine.asked == [("run_command", "df", ("gpu01", "gpu02", "cpu01", "cpu02"))]


async def test_a_place_that_does_not_exist_is_told_and_nothing_runs():
    engine = busy_lab()
    async with shown(engine) as pilot:
        await opened(pilot, command="df")
        await pilot.press("shift+tab", "shift+tab", *["right"] * 5, "tab", *"gpu9")
        await settle(pilot, "gpu9")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunPrompt)
        assert engine.asked == []


async def test_options_can_be_clicked():
    async with shown(busy_lab()) as pilot:
        await opened(pilot)
        row = row_of(pilot.app, "@train")
        at = (row.index("@train"), rows(pilot.app).index(row))
        await pilot.click(offset=at)
        await settle(pilot, "Will run on 2 hosts: gpu01 gpu02.")


# --- how -------------------------------------------------------------------------------------


async def test_one_at_a_time_and_batches_are_asked_of_the_engine(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu01", "gpu02", "gpu03"], "df")
        await pilot.press("shift+tab", "right")
        await settle(pilot, "gpu01 gpu02 gpu03, one at a time.")
        await pilot.press("right", "tab", "2")
        await settle(pilot, "gpu01 gpu02 gpu03, in 2 batches of 2.")
        await pilot.press("tab", "tab", "right", "enter")
        await settle(pilot, "Tasks")
        plan = Plan(batch=2, stop_on_failure=True)
        assert engine.asked == [("run_command", "df", ("gpu01", "gpu02", "gpu03"), {"plan": plan})]


async def test_the_least_busy_host_is_named_with_the_reason(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu01", "gpu02", "gpu03", "node07"], "df")
        await pilot.press("shift+tab", *["right"] * 3)
        await settle(pilot, "Will run on gpu03, the least busy of 4 hosts: 0 runs, 4")
        await pilot.press("enter")
        await settle(pilot, "Tasks ›")
        assert engine.asked == [("run_command", "df", ("gpu03",))]


async def test_folder_variables_and_time_limit_are_asked_of_the_engine(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"], "make")
        await pilot.press("tab", "tab", *"5m", "tab", *"~/work", "tab", *"A=1 B='x y'", "enter")
        await settle(pilot, "Tasks ›")
        options = {"cwd": "~/work", "env": {"A": "1", "B": "x y"}, "plan": Plan(timeout_s=300.0)}
        assert engine.asked == [("run_command", "make", ("gpu02",), options)]


async def test_a_limit_for_the_task_as_a_whole_is_asked_of_the_engine(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"], "make")
        await pilot.press("tab", "tab", *"task 2h", "enter")
        await settle(pilot, "Tasks ›")
        plan = Plan(task_timeout_s=7200.0)
        assert engine.asked == [("run_command", "make", ("gpu02",), {"plan": plan})]


@pytest.mark.parametrize(
    ("tabs", "typed", "told"),
    [
        (2, "soon", "expected a time such as 30s, 5m or 2h, not 'soon'"),
        (4, "A", "expected NAME=VALUE, not 'A'"),
        (4, "A='", "cannot read the variables: no closing quotation"),
    ],
)
async def test_a_field_that_cannot_be_read_is_told_and_nothing_runs(tabs, typed, told):
    engine = busy_lab()
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"], "make")
        await pilot.press(*["tab"] * tabs, *typed)
        await settle(pilot, told)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunPrompt)
        assert engine.asked == []


async def test_a_dry_run_tells_in_full_and_may_become_a_run(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu01", "gpu02", "gpu03"], "make -j8")
        await pilot.press("shift+tab", "right", "ctrl+t")
        await settle(pilot, "Would run on 3 hosts")
        seen = text(pilot.app)
        assert "batch 3  gpu03" in seen
        assert "! gpu03 disk is 91% full" in seen
        await pilot.press("b")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunPrompt)
        assert engine.asked == []
        await pilot.press("ctrl+t")
        await settle(pilot, "Would run on 3 hosts")
        await pilot.press("enter")
        await settle(pilot, "Tasks")
        assert len(engine.asked) == 1


@pytest.mark.parametrize("typed", ["has:docker", 'cmd:"test -d /data"'])
async def test_what_a_typed_place_wants_to_know_is_asked_before_it_is_run(typed, tmp_path):
    engine = busy_lab(tmp_path)
    where = parse_where(typed, bare_words="exact")
    answering = engine.ask_facts

    async def ask_facts(asked: Where) -> None:
        await answering(asked)
        engine.runtimes["cpu01"].answers = dict.fromkeys(asked.probes, True)

    engine.ask_facts = ask_facts
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"], "make")
        await settle(pilot, "@train")
        await pilot.press("shift+tab", "shift+tab", *["right"] * 3, "tab")
        await settle(pilot, "say where")
        pilot.app.screen._form.typed.value = typed
        await pilot.press("enter")
        await settle(pilot, "Tasks ›")
        assert engine.asked[0] == ("ask_facts", where.text)
        assert engine.asked[-1][:3] == ("run_command", "make", ("cpu01",))


# --- the command -----------------------------------------------------------------------------


async def test_up_and_down_walk_through_the_history_and_back_to_what_was_typed():
    async with shown(busy_lab()) as pilot:
        await opened(pilot)
        await settle(pilot, "12m ago")
        field = pilot.app.screen._form.command
        await pilot.press(*"ls", "up")
        assert field.value == "nvidia-smi -q -d MEMORY"
        await pilot.press("up", "up", "up")
        assert field.value == "make -j8 all"
        await pilot.press("down", "down", "down", "down")
        assert field.value == "ls"


async def test_the_history_is_searched_as_one_types(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"])
        await settle(pilot, "12m ago")
        await pilot.press(*"ls", "ctrl+r", *"m")
        await settle(pilot, "enter takes the marked command")
        assert "df -h" not in text(pilot.app)
        await pilot.press("ctrl+r", "enter")
        await settle(pilot, "Will run on")
        assert pilot.app.screen._form.command.value == "make -j8 all"
        assert engine.asked == []
        await pilot.press("enter")
        await settle(pilot, "Tasks ›")
        assert engine.asked == [("run_command", "make -j8 all", ("gpu02",))]


async def test_a_search_typed_before_the_history_was_read_finds_it_then(monkeypatch):
    engine, read = busy_lab(), asyncio.Event()
    history = engine.history

    async def later():
        await read.wait()
        return await history()

    monkeypatch.setattr(engine, "history", later)
    async with shown(engine) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+r", *"mkall")
        read.set()
        await settle(pilot, "enter takes the marked command")
        await settle(pilot, "make -j8 all")
        await pilot.press("enter")
        assert pilot.app.screen._form.command.value == "make -j8 all"


async def test_escape_leaves_the_search_and_gives_back_what_was_typed():
    async with shown(busy_lab()) as pilot:
        await opened(pilot)
        await settle(pilot, "12m ago")
        await pilot.press(*"ls", "ctrl+r", *"zzz", "enter", "ctrl+r", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, RunPrompt)
        assert pilot.app.screen._form.command.value == "ls"
        assert "df -h /data" in text(pilot.app)


async def test_a_recent_command_can_be_clicked():
    async with shown(busy_lab()) as pilot:
        await opened(pilot)
        await settle(pilot, "12m ago")
        row = row_of(pilot.app, "df -h")
        await pilot.click(offset=(row.index("df"), rows(pilot.app).index(row)))
        await pilot.pause()
        assert pilot.app.screen._form.command.value == "df -h /data"


async def test_a_command_of_several_lines_runs_as_it_was(tmp_path):
    command = "for i in 1 2; do\n\techo \x1b[31m$i\ndone"
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"], command)
        assert "do↵" in row_of(pilot.app, "Command")
        await pilot.press("enter")
        await settle(pilot, "Tasks ›")
        assert engine.asked == [("run_command", command, ("gpu02",))]


async def test_a_script_can_be_pasted(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"])
        pilot.app.screen._form.command.post_message(Paste("set -e\r\nmake \x1b]52;c;eA==\x07all\n"))
        await settle(pilot, "set -e↵make all")
        await pilot.press("enter")
        await settle(pilot, "Tasks ›")
        assert engine.asked == [("run_command", "set -e\nmake all", ("gpu02",))]


async def test_ten_kilobytes_can_be_pasted():
    async with shown(busy_lab(), (40, 10)) as pilot:
        await opened(pilot)
        pilot.app.screen._form.command.post_message(Paste("echo [/x] 漢字 \x1b[2J" * 600))
        await pilot.pause()
        assert len(pilot.app.screen._form.command.value) > 7000


# --- what is kept ----------------------------------------------------------------------------


async def test_everything_survives_escape(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine) as pilot:
        await opened(pilot)
        keys = ["shift+tab", "right", "tab", *"make te", "tab", "right", "tab", *"5m"]
        await pilot.press(*keys, "tab", *"src", "tab", *"A=1", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)
        await opened(pilot)
        await pilot.press(*"st", "enter")
        await settle(pilot, "Tasks")
        plan = Plan(batch=1, stop_on_failure=True, timeout_s=300.0)
        options = {"cwd": "src", "env": {"A": "1"}, "plan": plan}
        assert engine.asked == [("run_command", "make test", ("gpu02", "gpu03"), options)]


async def test_another_place_survives_only_for_the_same_hosts():
    async with shown(busy_lab()) as pilot:
        await opened(pilot)
        await settle(pilot, "@etl")
        await pilot.press("shift+tab", "shift+tab", "right", "escape")
        await opened(pilot)
        await settle(pilot, "● @etl")
        await pilot.press("escape")
        await opened(pilot, ["cpu01"])
        await settle(pilot, "Run on cpu01")


async def test_nothing_is_kept_after_a_run(tmp_path):
    async with shown(busy_lab(tmp_path)) as pilot:
        await opened(pilot, ["gpu02"])
        await pilot.press("tab", "tab", *"5m", "escape")
        await opened(pilot, ["gpu02"], "df")
        await pilot.press("enter")
        await settle(pilot, "Tasks ›")
        await pilot.press("escape")
        await opened(pilot, ["gpu02"])
        assert pilot.app.context.drafts.run is None
        assert pilot.app.screen._form.draft == Draft()


async def test_nothing_runs_without_a_command():
    engine = busy_lab()
    async with shown(engine) as pilot:
        await opened(pilot)
        await pilot.press("space", "tab", "enter")
        await pilot.pause()
        assert engine.asked == []
        assert pilot.app.focused is pilot.app.screen._form.command


async def test_a_search_that_is_left_by_the_quit_of_the_sheet_keeps_the_command_not_the_query():
    async with shown(busy_lab()) as pilot:
        await opened(pilot)
        await settle(pilot, "12m ago")
        await pilot.press(*"ls", "ctrl+r", *"make")
        assert pilot.app.screen._form.draft.command == "ls"


async def test_nobody_who_went_elsewhere_is_called_back_by_a_run(tmp_path):
    engine = busy_lab(tmp_path)
    answered = asyncio.Event()
    run_at_once = engine.run_command

    async def run_slowly(*words, **options):
        await answered.wait()
        return await run_at_once(*words, **options)

    engine.run_command = run_slowly
    async with shown(engine) as pilot:
        await opened(pilot, ["gpu02"], "df")
        await pilot.press("enter", "2")
        await pilot.pause()
        answered.set()
        await pilot.app.workers.wait_for_complete(
            [worker for worker in pilot.app.workers if worker.group == "intent"]
        )
        assert isinstance(pilot.app.screen, TasksScreen)


# --- small and odd ---------------------------------------------------------------------------


async def test_forty_columns_and_ten_rows_are_enough(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine, (40, 10)) as pilot:
        await opened(pilot)
        await pilot.press(*"uptime")
        await settle(pilot, "uptime")
        seen = rows(pilot.app)
        assert seen[-1].strip().startswith("enter run")
        assert "Will run on 2 hosts: gpu02 gpu03." in seen[-3]
        await pilot.press("shift+tab", "right", "tab", "tab", "tab", "tab", *"src")
        await settle(pilot, "src")
        await pilot.press("enter")
        await settle(pilot, "#")
        options = {"cwd": "src", "plan": Plan(batch=1)}
        assert engine.asked == [("run_command", "uptime", ("gpu02", "gpu03"), options)]


ODD = "[/x] [red]\x1b[31m\x1b]0;t\x07" + "漢字" * 90


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_odd_names_and_commands_do_no_harm(size):
    engine = busy_lab()
    engine.add(FakeRuntime(ODD, HostState.INACTIVE, ODD))
    engine.members[ODD] = [ODD]
    engine.past = [PastCommand(ODD + "\nx", NOW, 3), *PAST]
    async with shown(engine, size) as pilot:
        await opened(pilot, [ODD, "gpu01"], label=ODD)
        await pilot.press("up", "shift+tab", "shift+tab", *["right"] * 4, "ctrl+r", "[", "/")
        await pilot.pause()
        assert "\x1b" not in text(pilot.app)
        assert "\x07" not in text(pilot.app)


def test_a_thousand_hosts_are_folded():
    hosts = {f"node{n:04}": up(f"node{n:04}", 0.1, 0.1, 0.1) for n in range(1000)}
    order = order_of(Draft(command="df", how="batches"), Targets(tuple(hosts)), hosts, {})

    told = "".join(piece.text for piece in forecast(order, hosts))

    assert told == "Will run on 1000 hosts: node[0000-0999], in 100 batches of 10."


@pytest.mark.parametrize("batch", ["", "0", "-1", "x", "²", "1.5"])
def test_a_batch_that_is_no_number_is_refused(batch):
    with pytest.raises(UsageError, match="batch"):
        order_of(Draft(how="batches", batch=batch), Targets(("a",)), {}, {})


def test_an_edited_command_is_what_runs():
    draft = Draft(command="a↵b!", original="a\nb")
    assert draft.real_command == "a\nb!"
    assert Draft(command=in_one_line("a\n\tb"), original="a\n\tb").real_command == "a\n\tb"


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=["80x24", "130x34"])
@pytest.mark.parametrize(
    ("name", "keys", "until"),
    [
        ("sheet", [*"python eval.py"], "python eval.py"),
        ("batches", [*"df", "shift+tab", "right", "right", "tab", "2"], "batches of 2"),
        ("search", ["ctrl+r", *"d"], "enter takes"),
        ("dry-run", [*"df", "shift+tab", "right", "ctrl+t"], "Would run"),
    ],
)
def test_the_sheet_looks_as_before(name, keys, until, size, snap_compare):
    async def go(pilot):
        await pilot.pause()
        await opened(pilot, ["gpu01", "gpu02", "gpu03"], label="marked", shown=["gpu01"])
        await settle(pilot, "12m ago")
        await pilot.press(*keys)
        await settle(pilot, until)

    app = LazytuiApp(busy_lab(), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=go)


# --- waiting and templates -------------------------------------------------------------------


async def test_what_a_run_needs_and_waits_for_is_asked_of_the_engine(tmp_path):
    engine = busy_lab(tmp_path)
    async with shown(engine, (100, 34)) as pilot:
        await opened(pilot, ["gpu01", "gpu02", "gpu03"], "python train.py")
        await pilot.press("shift+tab", *["right"] * 3)
        await settle(pilot, "the least busy of 3 hosts")
        await pilot.press(*["tab"] * 6, *"gpu>=2")
        await settle(pilot, "Will wait, then run on one of 3 hosts: gpu01 gpu02 gpu03.")
        await pilot.press("tab", *"6 ok", "ctrl+t")
        await settle(pilot, "starts when #6 has succeeded")
        assert "gpu01  would wait: 0 of 4 GPUs free" in text(pilot.app)
        assert "gpu03  fits now: 0 runs, 4 of 4 GPUs free" in text(pilot.app)
        await pilot.press("r")
        await settle(pilot, "Tasks ›")
    plan = Plan(when="gpu>=2", after=6, after_ok=True, least_busy=True)
    hosts = ("gpu01", "gpu02", "gpu03")
    assert engine.asked == [("run_command", "python train.py", hosts, {"plan": plan})]


async def test_what_cannot_be_waited_for_is_told(tmp_path):
    async with shown(busy_lab(tmp_path), (100, 34)) as pilot:
        await opened(pilot, ["gpu01"], "df")
        await pilot.press(*["tab"] * 5, *"gpu>=")
        await settle(pilot, "cannot read the condition")
        await pilot.press(*["backspace"] * 5, "tab", *"soon")
        await settle(pilot, "say after which task, such as 41, or 41 ok")


async def test_a_dry_run_shows_a_command_as_each_host_gets_it(tmp_path):
    async with shown(busy_lab(tmp_path), (100, 34)) as pilot:
        await opened(pilot, ["gpu02", "gpu03"], "eval --ckpt {{host}}.pt --shard {{index}}")
        await pilot.press("ctrl+t")
        await settle(pilot, "gpu02: eval --ckpt gpu02.pt --shard 0")
        assert "gpu03: eval --ckpt gpu03.pt --shard 1" in text(pilot.app)
