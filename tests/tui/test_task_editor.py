"""The task editor: steps made, changed, moved, tried, saved and run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lazytui.core.model import RunState
from lazytui.core.plan import Plan
from lazytui.core.saved import load_commands
from lazytui.core.step import CommandSpec, FunctionSpec, SendSpec
from lazytui.core.task_file import StepDraft, TaskDraft, read_task_file
from lazytui.tui.app import LazytuiApp
from lazytui.tui.screens.step_edit import read_arguments
from lazytui.tui.screens.task_editor import TaskEditor
from tests.tui.fake_engine import STOPPED_CLOCK, lab, with_runs
from tests.tui.seen import row_of, settle, shown, text
from tests.tui.tasks_of_many import TASK, driver_task

PREPARE = TaskDraft(
    "prepare",
    (
        StepDraft("send", "preprocess.py"),
        StepDraft("run", "python3 preprocess.py --shard {{index}}", env={"THREADS": "4"}),
        StepDraft("function", "jobs:train", kwargs={"lr": 0.1}, cwd="work"),
        StepDraft("get", "out.parquet", "results/{{host}}.parquet"),
    ),
    "gpu[01-02]",
    Plan(when="mem>1G", least_busy=True),
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def opened(pilot, draft=PREPARE):
    pilot.app.push_screen(TaskEditor(pilot.app.context, draft))
    await settle(pilot, "a adds")


async def test_a_task_is_made_step_by_step_and_run(folder):
    engine = with_runs(lab(folder))
    async with shown(engine) as pilot:
        await pilot.press("2", "n")
        await settle(pilot, "No steps yet: a adds one")
        await pilot.press("a", "r", *"make", "enter")
        await settle(pilot, "1  run   make")
        await pilot.press("a", "s", *"/data/in.csv", "tab", *"in/", "enter")
        await settle(pilot, "2  send  /data/in.csv → in/")
        await pilot.press("K")
        await settle(pilot, "1  send")
        await pilot.press("r")
        await settle(pilot, "Run where?")
        await pilot.press(*"gpu01,gpu02", "enter")
        await settle(pilot, "Tasks › #")
    (name, title, hosts, options), *_ = engine.asked
    assert (name, title, hosts) == ("run_task", "send /data/in.csv in/; make", ("gpu01", "gpu02"))
    assert options == {"plan": Plan()}


async def test_steps_are_changed_moved_and_taken_away():
    async with shown(lab()) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await settle(pilot, "Send a file or a folder")
        await pilot.press(*["backspace"] * 2, *"sh", "enter")
        await settle(pilot, "send  preprocess.sh")
        await pilot.press("J")
        await settle(pilot, "2  send  preprocess.sh")
        await pilot.press("D")
        await settle(pilot, "3 steps")
        assert "preprocess.sh" not in text(pilot.app)
        assert "2  call  jobs:train(lr=0.1)" in text(pilot.app)


async def test_hosts_needs_and_way_are_asked_for_and_mistakes_told():
    async with shown(lab()) as pilot:
        await opened(pilot)
        await pilot.press("g", "down", "enter")
        await settle(pilot, "empty asks each time")
        await pilot.press(*["backspace"] * 20, *"nowhere", "enter")
        await settle(pilot, "unknown host: nowhere")
        await pilot.press("down", "enter", "o")
        await settle(pilot, "one at a time")
        await pilot.press("down", "enter", *"x", "enter")
        await settle(pilot, "cannot read the condition")
        await pilot.press("escape", "down", "enter")
        await settle(pilot, "start no more")


async def test_batches_and_limits_of_time_are_asked_for_and_mistakes_told():
    async with shown(lab()) as pilot:
        await opened(pilot, replace(PREPARE, where="gpu[01-03]", plan=Plan()))
        await pilot.press("g", "down", "down", "enter", "b")
        await settle(pilot, "how many hosts at a time")
        await pilot.press("ctrl+u", *"0", "enter")
        await settle(pilot, "say how many hosts make a batch")
        await pilot.press("ctrl+u", *"2", "enter")
        await settle(pilot, "2 at a time")
        await pilot.press("down", "down", "down", "enter", *"task", "enter")
        await settle(pilot, "say how long the task may take, such as task 2h")
        await pilot.press("ctrl+u", *"5m task 2h", "enter")
        await settle(pilot, "each is ended after 300 s; all are ended 7200 s after the first")
        plan = pilot.app.screen.draft.plan
        assert plan == Plan(batch=2, timeout_s=300.0, task_timeout_s=7200.0)
        await pilot.press("t")
        await settle(pilot, "batch 2  gpu03")
        assert "all are ended 7200 s after the first has begun" in text(pilot.app)


async def test_a_dry_run_shows_each_host_what_it_would_do_and_why():
    async with shown(lab(), (110, 40)) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await settle(pilot, "Would run on 1 host")
        seen = text(pilot.app)
        assert "on one of gpu[01-02]" in seen
        assert "gpu01  fits now: 0 runs" in seen
        assert "2 python3 preprocess.py --shard 0" in seen
        assert "4 get out.parquet → results/gpu02.parquet" in seen


async def test_it_is_saved_as_a_file_and_opened_again(folder):
    async with shown(lab()) as pilot:
        await opened(pilot)
        await pilot.press("S", "f")
        await settle(pilot, "On the manager")
        await pilot.press("enter")
        await settle(pilot, "Saved to")
        assert read_task_file(folder / "prepare.toml") == PREPARE
        await pilot.press("escape")
        await opened(pilot, TaskDraft())
        await pilot.press("ctrl+o")
        await settle(pilot, "Choose a file or a folder")
        await settle(pilot, "prepare.toml")
        await pilot.press("down", "enter")
        await settle(pilot, "4 steps")


async def test_it_is_saved_as_a_command_that_means_the_same_from_its_place(folder):
    async with shown(lab()) as pilot:
        await opened(pilot)
        await pilot.press("S", "c")
        await settle(pilot, "On the manager")
        await pilot.press("enter")
        await settle(pilot, "Saved to")
    (saved,), problems = load_commands(folder / "config" / "lazytui" / "config.toml")
    assert (saved.name, saved.where, problems) == ("prepare", "gpu[01-02]", [])
    assert read_task_file(folder / saved.task).steps[0].text == str(folder / "preprocess.py")


async def test_what_is_in_it_is_there_again_after_esc():
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("2", "n")
        await settle(pilot, "No steps yet")
        await pilot.press("a", "r", *"make", "enter")
        await settle(pilot, "1  run   make")
        await pilot.press("escape", "n")
        await settle(pilot, "1  run   make")


async def test_a_file_is_picked_from_a_tree(folder):
    (folder / "data").mkdir()
    (folder / "data" / "in.csv").touch()
    async with shown(lab()) as pilot:
        await opened(pilot, TaskDraft())
        await pilot.press("a", "s")
        await settle(pilot, "Send a file or a folder")
        await pilot.press("ctrl+o")
        await settle(pilot, "▸ data")
        await pilot.press("down", "right")
        await settle(pilot, "in.csv")
        await pilot.press("down", "enter")
        await settle(pilot, "Send a file or a folder")
        await pilot.press("enter")
        await settle(pilot, "1 step")
        assert pilot.app.screen.draft.steps[0].text == str(folder / "data" / "in.csv")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", {}),
        ("lr = 0.1, name = 'x'", {"lr": 0.1, "name": "x"}),
        ('{"lr": 0.1, "layers": [1, 2]}', {"lr": 0.1, "layers": [1, 2]}),
        ("{ deep = { a = true } }", {"deep": {"a": True}}),
    ],
)
def test_arguments_are_read_as_toml_or_json(given, found):
    assert read_arguments(given) == found


@pytest.mark.parametrize("given", ["lr", "lr = ", "1 = 2", '{"a b": 1}', "[1]"])
def test_arguments_that_are_none_are_refused(given):
    with pytest.raises(Exception, match="expected arguments such as"):
        read_arguments(given)


# --- again -----------------------------------------------------------------------------------


async def at_train(pilot, *keys: str) -> None:
    """Go to Tasks, to the one that trains, and press keys."""
    await pilot.press("2")
    await settle(pilot, "Tasks")
    pilot.app.screen.set_filter("train")
    await pilot.press(*keys)


async def test_a_task_of_several_steps_is_run_again_as_it_was(tmp_path):
    engine = with_runs(lab(tmp_path))
    newest = next(r for r in engine.runs.records(100) if "train.py" in r.command)
    engine.steps[newest.task_id] = [SendSpec("/x").to_step(), CommandSpec("make").to_step()]
    async with shown(engine) as pilot:
        await at_train(pilot, "r")
        await settle(pilot, "where it runs: stop it, then again")
        await pilot.press("a")
        await settle(pilot, "Tasks › #")
    assert engine.asked == [("run_again", newest.task_id, (newest.host,))]


async def test_where_it_failed_is_asked_for_first(tmp_path):
    engine = driver_task(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("2", "r")
        await settle(pilot, f"Run #{TASK} again")
        assert "where it failed   2 hosts" in text(pilot.app)
        assert "everywhere   12 hosts" in text(pilot.app)
        await pilot.press("f")
        await settle(pilot, "Will run on 2 hosts: db01 node07")


async def test_a_task_is_edited_before_it_runs_again(tmp_path):
    engine = with_runs(lab(tmp_path))
    newest = next(r for r in engine.runs.records(100) if "train.py" in r.command)
    engine.steps[newest.task_id] = [SendSpec("/x").to_step(), CommandSpec("make").to_step()]
    async with shown(engine) as pilot:
        await at_train(pilot, "e")
        await settle(pilot, "2  run   make")
        assert newest.host in row_of(pilot.app, "Hosts  ")


async def test_a_function_that_was_sent_is_not_edited_but_said_so(tmp_path):
    engine = with_runs(lab(tmp_path))
    newest = next(r for r in engine.runs.records(100) if "train.py" in r.command)
    engine.steps[newest.task_id] = [FunctionSpec("train()", "d", 1, "3.11").to_step()]
    async with shown(engine) as pilot:
        await at_train(pilot, "e")
        await settle(pilot, "was sent as it was")


async def test_a_command_is_kept_by_a_name(tmp_path):
    engine = with_runs(lab(tmp_path))
    newest = next(r for r in engine.runs.records(100) if "train.py" in r.command)
    assert newest.state in RunState
    async with shown(engine) as pilot:
        await at_train(pilot, "a")
        await settle(pilot, "Save as a command named")
        await pilot.press("enter")
        await settle(pilot, "is saved: ! or : runs it")
    (saved,), _ = load_commands(tmp_path / "config" / "lazytui" / "config.toml")
    assert saved.command == newest.command


STATES = {
    "editor": ([], "a adds a step"),
    "step": (["enter"], "Send a file or a folder"),
    "dry-run": (["t"], "Would run on 1 host"),
}


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=["80x24", "130x34"])
@pytest.mark.parametrize("state", STATES)
def test_the_editor_looks_as_before(state, size, snap_compare, monkeypatch):
    monkeypatch.chdir("/")
    keys, until = STATES[state]

    async def go(pilot):
        await pilot.pause()
        await opened(pilot)
        await pilot.press(*keys)
        await settle(pilot, until)
        await pilot.pause(0.1)

    app = LazytuiApp(lab(), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=go)


async def test_tasks_say_why_a_run_is_where_it_is(tmp_path):
    engine = with_runs(lab(tmp_path))
    run = next(r for r in engine.runs.records(100) if "train.py" in r.command)
    engine.runs.by_id[run.run_id] = replace(run, placed="0 runs, 2 of 4 GPUs free")
    async with shown(engine, (110, 30)) as pilot:
        await at_train(pilot)
        await settle(pilot, "gpu01 chosen: 0 runs, 2 of 4 GPUs free")
