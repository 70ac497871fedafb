"""A terminal that looks on only: nothing is changed from it, whatever is pressed."""

from __future__ import annotations

import inspect

import pytest

from lazytui.core import cluster_model
from lazytui.core.files import File
from lazytui.tui import context
from lazytui.tui.app import LazytuiApp
from lazytui.tui.keymap import CHANGES, KEYMAP
from lazytui.tui.look import Look
from lazytui.tui.read_only import (
    CLUSTERS_CHANGES,
    ENGINE_CHANGES,
    EXPOSURES_CHANGES,
    FILES_CHANGES,
    HOST_EDITS_CHANGES,
    ReadOnlyError,
    looking_on,
)
from tests.tui.fake_engine import STOPPED_CLOCK, lab, with_runs
from tests.tui.seen import rows, settle, text

READS = {
    "EngineView": {
        "groups", "ask_facts", "task_of", "run_steps", "history", "audit", "refresh", "groups_now",
        "answer", "reply", "later",
    },
    "FilesView": {"look", "read", "fetch"},
    "Clusters": {"all", "get", "check", "logs"},
    "HostEditsView": {"adding", "removing"},
    "ExposuresView": {"all", "load", "test", "suggestions"},
}  # fmt: skip


def looked_on(engine):
    return LazytuiApp(engine, clock=STOPPED_CLOCK, look=Look(read_only=True)).run_test(
        size=(110, 30), notifications=True
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("EngineView", ENGINE_CHANGES),
        ("FilesView", FILES_CHANGES),
        ("Clusters", CLUSTERS_CHANGES),
        ("ExposuresView", EXPOSURES_CHANGES),
        ("HostEditsView", HOST_EDITS_CHANGES),
    ],
)
def test_whatever_a_screen_may_ask_for_reads_or_is_refused(name, changes):
    protocol = getattr(cluster_model if name == "Clusters" else context, name)
    methods = {
        method
        for method, value in vars(protocol).items()
        if inspect.isfunction(value) and not method.startswith("_")
    }
    assert methods == READS[name] | changes


def test_the_keys_that_change_something_are_keys():
    assert {(key.scope, key.action) for key in KEYMAP} >= CHANGES


async def test_what_changes_something_is_refused_and_what_reads_is_given(tmp_path):
    engine = lab(tmp_path)
    engine.files.add(None, "~", File("a", "f", 1, 1))
    looking = looking_on(engine)

    assert (await looking.files.look(None, "~")).files == (File("a", "f", 1, 1),)
    assert looking.runtimes is engine.runtimes
    for refused in (
        looking.run_command("df", ["gpu01"]),
        looking.files.look(None, "new", make=True),
        looking.files.rename(None, "a", "b"),
        looking.exposures.remove(1),
    ):
        with pytest.raises(ReadOnlyError, match="started with --readonly"):
            await refused
    assert engine.asked == []


async def test_its_keys_are_not_shown_and_say_why_when_they_are_pressed():
    engine = with_runs(lab())
    async with looked_on(engine) as pilot:
        await settle(pilot, "gpu01")
        assert "read-only" in rows(pilot.app)[0]
        assert " r run" not in rows(pilot.app)[-1]
        await pilot.press("r")
        await settle(pilot, "read-only: started with --readonly")
        await pilot.press("2", "x")
        await settle(pilot, "2 Tasks")
        assert "x stop" not in rows(pilot.app)[-1]
        assert "Stop #" not in text(pilot.app)
        await pilot.press("question_mark")
        await settle(pilot, "Output of this task")
        assert engine.asked == []


async def test_what_is_not_a_key_is_refused_by_the_engine(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with looked_on(engine) as pilot:
        await settle(pilot, "gpu01")
        screen = pilot.app.screen
        screen.intend(screen.engine.run_command("df", ["gpu01"]), "run")
        await settle(pilot, "run: read-only: started with")
        assert engine.asked == []
