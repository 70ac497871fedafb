"""Clusters: what is kept, how it is, and every key that does something to it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from lazytui.core.cluster_model import (
    Cluster,
    ClusterCheck,
    ClusterKind,
    ClusterLog,
    ClusterSpec,
    ClusterState,
    ClusterVersions,
    WorkerState,
)
from lazytui.core.model import RunState
from lazytui.errors import LazytuiError, MasterStartError, UsageError
from lazytui.tui.app import LazytuiApp
from lazytui.tui.cluster_order import draft_of, order_of
from tests.tui.fake_clusters import NOW, SWEEP, TUNE, failed, running, same_versions, worker
from tests.tui.fake_engine import STOPPED_CLOCK, FakeEngine, lab
from tests.tui.seen import row_of, rows, settle, shown, text, until
from tests.tui.test_hostile_text import FORBIDDEN, NASTY

LOG = b"distributed.scheduler - INFO - Scheduler at: tcp://127.0.0.1:8786\n"


def engine_of(*clusters: Cluster) -> FakeEngine:
    """Give a lab with a group and clusters."""
    engine = lab()
    engine.members["train"] = ["gpu01", "gpu02", "gpu03", "gpu04"]
    for each in clusters:
        engine.clusters.put(each)
    return engine


def both() -> FakeEngine:
    """Give a lab with a cluster that runs and one that does not."""
    return engine_of(running(SWEEP), Cluster(TUNE))


async def on_clusters(pilot, seen: str = "1 of 2") -> None:
    await pilot.press("5")
    await settle(pilot, seen)


def asked(engine: FakeEngine, deed: str) -> list[tuple[object, ...]]:
    return [what[1:] for what in engine.asked if what[0] == deed]


# What is seen


async def test_each_row_names_kind_state_master_workers_tasks_and_dashboard() -> None:
    async with shown(both()) as pilot:
        await on_clusters(pilot)
        row = row_of(pilot.app, "here:8786 ")
        for word in ("sweep", "Dask", "● running", "3/4", "212", "8787"):
            assert word in row
        row = row_of(pilot.app, "here (mongod)")
        for word in ("tune", "Hyperopt", "○ stopped", "0/6", "--"):
            assert word in row


async def test_workers_are_shown_with_what_they_do_and_why_one_does_not() -> None:
    async with shown(both()) as pilot:
        await on_clusters(pilot)
        for word in ("gpu01", " 8 ", "12G/64G", "688%", "train-fold-3", "now"):
            assert word in row_of(pilot.app, "w-0")
        lost = row_of(pilot.app, "w-3")
        assert "connection lost · started again 2 ×" in lost
        assert "retry 5 s" in lost


async def test_a_long_reason_is_whole_where_there_is_room() -> None:
    why = "killed by SIGKILL, exit 137: 2026-12-01 10:52:02,636 - distributed.core - the last words"
    lost = worker(0, "gpu01", state=WorkerState.RETRYING, reason=why, retry_at=NOW + 2)
    async with shown(engine_of(replace(running(SWEEP), workers=(lost,))), (140, 40)) as pilot:
        await on_clusters(pilot, "1 of 1")
        assert f"{why} " in row_of(pilot.app, "w-0")
        assert "retry 2 s" in row_of(pilot.app, "w-0")


async def test_versions_say_what_is_the_same_and_what_differs() -> None:
    async with shown(engine_of(failed(SWEEP))) as pilot:
        await on_clusters(pilot, "1 of 1")
        has = row_of(pilot.app, " has     ")
        assert "✗ dask here 2026.8.0 · gpu03 2025.1.0" in has
        assert "✓ same: python" in has


async def test_a_failed_one_says_why_and_what_to_do() -> None:
    async with shown(engine_of(failed(SWEEP))) as pilot:
        await on_clusters(pilot, "1 of 1")
        assert "Dask was not started: a host has other versions" in text(pilot.app)
        assert "✗ gpu03: dask 2025.1.0, but 2026.8.0 here" in text(pilot.app)
        assert "r tries again" in text(pilot.app)


async def test_the_way_up_and_down_is_told_as_it_happens() -> None:
    engine = engine_of(Cluster(SWEEP))
    async with shown(engine) as pilot:
        await on_clusters(pilot, "It is stopped.")
        starting = Cluster(SWEEP, ClusterState.STARTING, wanted=4)
        engine.clusters.put(starting)
        await settle(pilot, "then the scheduler is started")
        engine.clusters.put(replace(starting, master_port=8786))
        await settle(pilot, "The scheduler is up")
        first = worker(0, "gpu01", state=WorkerState.STARTING, seen_at=None)
        engine.clusters.put(replace(starting, master_port=8786, workers=(first,)))
        await settle(pilot, "◐ w-0")
        assert "starting" in row_of(pilot.app, "w-0")
        engine.clusters.put(running(SWEEP))
        await settle(pilot, "● running  up 2h")
        engine.clusters.put(Cluster(SWEEP, ClusterState.STOPPING))
        await settle(pilot, "Workers end, then the master")


async def test_an_empty_page_says_what_a_cluster_is_good_for_and_how_to_make_one() -> None:
    async with shown(lab()) as pilot:
        await on_clusters(pilot, "No cluster yet")
        assert "lets many hosts work on one program" in text(pilot.app)
        assert "a makes one" in text(pilot.app)
        await pilot.press("a")
        await settle(pilot, "New cluster")


async def test_the_client_line_is_whole_where_there_is_room() -> None:
    async with shown(both(), (130, 34)) as pilot:
        await on_clusters(pilot)
        line = 'from dask.distributed import Client; client = Client("tcp://127.0.0.1:8786")'
        assert line in text(pilot.app)


async def test_a_cluster_of_another_program_is_only_looked_at() -> None:
    engine = engine_of(replace(running(SWEEP), held=False))
    async with shown(engine) as pilot:
        await on_clusters(pilot, "held by another program")
        await pilot.press("x", "X", "plus", "minus", "r", "D", "e")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1
    assert engine.asked == []


async def test_a_thousand_workers_are_walked_through() -> None:
    many = tuple(worker(n, f"node{n:04}") for n in range(1000))
    engine = engine_of(replace(running(SWEEP), workers=many, wanted=1000))
    async with shown(engine) as pilot:
        await on_clusters(pilot, "1000/1000")
        await pilot.press("tab", "G")
        await settle(pilot, "w-999")


# Keys


async def test_r_starts_a_stopped_one() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("j", "r")
        await settle(pilot, "2 running")
    assert asked(engine, "start") == [("tune",)]


async def test_what_keeps_one_from_starting_is_told_in_words() -> None:
    engine = engine_of(Cluster(SWEEP))
    engine.clusters.errors["start"] = MasterStartError("gpu03: there is no python3.11: install it")
    async with shown(engine) as pilot:
        await on_clusters(pilot, "1 of 1")
        await pilot.press("r")
        await settle(pilot, "there is no python3.11")
        assert "Traceback" not in text(pilot.app)


async def test_r_on_a_running_one_asks_before_its_work_ends() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("r")
        await settle(pilot, "Restart sweep?")
        assert "212 tasks that wait or run are given up" in text(pilot.app)
        await pilot.press("n")
        await settle(pilot, "1 of 2")
        assert not asked(engine, "stop")
        await pilot.press("r", "y")
        await until(pilot, lambda: asked(engine, "start") == [("sweep",)])
    assert asked(engine, "stop") == [("sweep",)]


async def test_x_shows_what_would_end_and_stops() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("x")
        await settle(pilot, "Stop sweep?")
        for line in ("4 workers on gpu[01-04]", "the scheduler, here:8786", "ports 8786, 8787"):
            assert line in text(pilot.app)
        await pilot.press("s")
        await settle(pilot, "2 stopped")
    assert asked(engine, "stop") == [("sweep",)]


async def test_the_stop_sheet_kills_too_and_esc_does_nothing() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("x", "escape")
        await pilot.pause()
        assert not asked(engine, "stop")
        await pilot.press("x")
        await settle(pilot, "Stop sweep?")
        await pilot.press("k")
        await until(pilot, lambda: asked(engine, "kill") == [("sweep",)])


async def test_X_kills_after_a_question() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("X")
        await settle(pilot, "Kill sweep now?")
        assert not asked(engine, "kill")
        await pilot.press("y")
        await until(pilot, lambda: asked(engine, "kill") == [("sweep",)])


async def test_a_stop_that_fails_is_told() -> None:
    engine = both()
    engine.clusters.errors["stop"] = LazytuiError("gpu04 does not answer: its worker may go on")
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("x", "s")
        await settle(pilot, "does not answer")


async def test_D_asks_and_forgets() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("D")
        await settle(pilot, "Delete sweep?")
        assert "4 workers on" in text(pilot.app)
        await pilot.press("y")
        await settle(pilot, "1 of 1")
    assert asked(engine, "remove") == [("sweep",)]


async def test_plus_and_minus_scale_and_quick_presses_are_added_up() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        engine.clusters.may_scale.clear()
        await pilot.press("plus")
        await until(pilot, lambda: bool(asked(engine, "scale")))
        await pilot.press("plus", "plus", "minus", "plus")
        engine.clusters.may_scale.set()
        await settle(pilot, "3/7")
        assert asked(engine, "scale") == [("sweep", 5), ("sweep", 7)]
        await pilot.press("minus")
        await settle(pilot, "3/6")


async def test_the_last_worker_stays() -> None:
    engine = engine_of(replace(running(SWEEP), workers=(worker(0, "gpu01"),), wanted=1))
    async with shown(engine) as pilot:
        await on_clusters(pilot, "1/1")
        await pilot.press("minus")
        await pilot.pause()
    assert not asked(engine, "scale")


async def test_a_number_that_cannot_be_is_told_and_forgotten() -> None:
    engine = both()
    engine.clusters.errors["scale"] = UsageError("no port is left for a fifth worker")
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("plus")
        await settle(pilot, "no port is left")
        del engine.clusters.errors["scale"]
        await pilot.press("plus")
        await settle(pilot, "3/5")


async def test_i_shows_the_lines_and_copies_them() -> None:
    async with shown(both()) as pilot:
        await on_clusters(pilot)
        await pilot.press("i")
        await settle(pilot, "Use sweep in a script")
        await pilot.press("y")
        snippet = running(SWEEP).snippet
        await until(pilot, lambda: pilot.app.clipboard == snippet)
        await settle(pilot, "clipboard")


async def test_the_lines_for_hyperopt_name_database_and_experiment() -> None:
    up = replace(Cluster(TUNE), state=ClusterState.RUNNING, master_port=27017)
    async with shown(engine_of(up)) as pilot:
        await on_clusters(pilot, "1 of 1")
        await pilot.press("i")
        await settle(pilot, "mongo://localhost:27017/hyperopt/jobs")


async def test_b_offers_the_dashboard_and_the_line_that_leads_there() -> None:
    async with shown(both()) as pilot:
        pilot.app.environ = {"SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22"}
        await on_clusters(pilot)
        await pilot.press("b")
        await settle(pilot, "copy http://127.0.0.1:8787/status")
        assert "in the browser" not in text(pilot.app)
        await pilot.press("l")
        await until(pilot, lambda: "ssh -N -L 8787:127.0.0.1:8787" in pilot.app.clipboard)


async def test_b_opens_a_browser_where_there_is_a_display() -> None:
    async with shown(both()) as pilot:
        pilot.app.environ = {"DISPLAY": ":0"}
        await on_clusters(pilot)
        await pilot.press("b")
        await settle(pilot, "open http://127.0.0.1:8787/status in the browser")


async def test_keys_that_can_do_nothing_are_not_offered() -> None:
    async with shown(engine_of(Cluster(SWEEP)), (130, 34)) as pilot:
        await on_clusters(pilot, "1 of 1")
        bar = rows(pilot.app)[-1]
        assert all(word not in bar for word in ("client", "dashboard", "more", "stop", "workers"))
        await pilot.press("i", "b", "x", "plus", "tab")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


# Logs


async def test_l_asks_whose_log_and_shows_the_masters_text() -> None:
    engine = both()
    logs = [ClusterLog("scheduler", "", LOG), ClusterLog("w-0", "gpu01", b"worker\n")]
    engine.clusters.printed = logs
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("l")
        await settle(pilot, "w-0 · gpu01")
        await pilot.press("enter")
        await settle(pilot, "Scheduler at: tcp")
        assert "Clusters › sweep scheduler · here" in text(pilot.app)
        engine.clusters.printed = [replace(logs[0], data=LOG + b"and more\n")]
        await pilot.press("R")
        await settle(pilot, "and more")
        await pilot.press("escape")
        await settle(pilot, "1 of 2")


async def test_a_workers_log_is_the_output_of_its_run(tmp_path) -> None:
    engine = both()
    engine.spool_dir = tmp_path
    run = engine.add_run("gpu01", "dask worker", state=RunState.RUNNING, output=b"nanny\n")
    engine.clusters.printed = [
        ClusterLog("scheduler", "", LOG),
        ClusterLog("w-0", "gpu01", b"nanny\n", run.run_id),
    ]
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("tab", "l")
        await settle(pilot, "nanny")
        assert "Tasks › #1 dask worker" in text(pilot.app)


async def test_the_log_of_a_run_that_is_not_known_here_is_shown_as_text() -> None:
    engine = both()
    engine.clusters.printed = [ClusterLog("w-0", "gpu01", b"far away\n", "f" * 32)]
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("tab", "enter")
        await settle(pilot, "far away")
        assert "Clusters › sweep w-0 · gpu01" in text(pilot.app)


async def test_a_log_that_is_empty_or_cannot_be_read_is_told() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("l")
        await settle(pilot, "sweep has not printed anything yet")
        engine.clusters.errors["logs"] = LazytuiError("gpu04 does not answer")
        await pilot.press("l")
        await settle(pilot, "gpu04 does not answer")


async def test_a_log_that_is_gone_says_so_and_keeps_its_text() -> None:
    engine = both()
    engine.clusters.printed = [ClusterLog("scheduler", "", LOG)]
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("l")
        await settle(pilot, "Scheduler at")
        engine.clusters.printed = []
        await pilot.press("R")
        await settle(pilot, "is not there any more")
        engine.clusters.errors["logs"] = LazytuiError("the engine stops")
        await pilot.press("R")
        await settle(pilot, "the engine stops")
        assert "Scheduler at" in text(pilot.app)


# The form


async def typed(pilot, **fields: str) -> None:
    for name, value in fields.items():
        pilot.app.screen.query_one(f"#cluster-{name}").value = value
    await pilot.pause()


async def test_the_form_checks_keeps_and_starts() -> None:
    engine = engine_of()
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        await pilot.press(*"sweep", "tab", "at", *"train")
        await settle(pilot, "4 hosts: gpu[01-04] · one worker on each")
        await pilot.press("enter")
        await settle(pilot, "● running")
    spec = ClusterSpec("sweep", ClusterKind.DASK, "@train")
    assert engine.asked == [("check", spec), ("add", spec), ("start", "sweep")]


async def test_a_problem_is_shown_before_anything_is_kept_or_started() -> None:
    engine = engine_of()
    engine.clusters.found = failed(SWEEP).check
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        await typed(pilot, name="sweep", where="@train")
        await pilot.press("enter")
        await settle(pilot, "✗ gpu03: dask 2025.1.0, but 2026.8.0 here")
        assert "the same everywhere: python" in text(pilot.app)
        assert "sweep" in row_of(pilot.app, "Name")
    assert [what[0] for what in engine.asked] == ["check"]


async def test_hosts_with_one_problem_share_a_line_and_what_is_missing_is_not_the_same() -> None:
    engine = engine_of()
    lacking = ClusterVersions("hyperopt", "", dict.fromkeys(("gpu01", "gpu02"), ""))
    engine.clusters.found = ClusterCheck(
        ("gpu01", "gpu02"),
        (lacking, *same_versions()[:1]),
        ("no mongod here: install it", "gpu01: no hyperopt", "gpu02: no hyperopt"),
    )
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        await typed(pilot, name="tune", where="gpu[01-02]")
        await pilot.press("ctrl+t")
        await settle(pilot, "✗ gpu[01-02]: no hyperopt")
        assert "✗ no mongod here: install it" in text(pilot.app)
        assert "the same everywhere: python 3.11.7" in text(pilot.app)


async def test_a_long_answer_of_the_check_is_read_page_by_page() -> None:
    engine = engine_of()
    problems = tuple(f"problem {number}" for number in range(40))
    engine.clusters.found = ClusterCheck(("gpu01",), (), problems)
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        await typed(pilot, name="sweep", where="@train")
        await pilot.press("ctrl+t")
        await settle(pilot, "✗ problem 3")
        await pilot.press("pagedown", "pagedown", "pagedown", "pagedown")
        await settle(pilot, "✗ problem 39")
        await pilot.press("pageup", "pageup", "pageup", "pageup")
        await settle(pilot, "✗ problem 0")


async def test_ctrl_t_only_looks() -> None:
    engine = engine_of()
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        await typed(pilot, name="sweep", where="@train")
        await pilot.press("ctrl+t")
        await settle(pilot, "✓ It may start on 4 hosts: gpu[01-04]")
    assert [what[0] for what in engine.asked] == ["check"]


async def test_a_cluster_is_only_kept_when_that_is_chosen() -> None:
    engine = engine_of()
    engine.clusters.found = failed(SWEEP).check  # it need not be able to start
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        await typed(pilot, name="sweep", where="@train", workers="8", master="gpu02", port="9000")
        pilot.app.screen.query_one("#cluster-then").focus()
        await pilot.press("right", "enter")
        await settle(pilot, "It is stopped.")
    spec = ClusterSpec("sweep", ClusterKind.DASK, "@train", 8, "gpu02", 9000)
    assert engine.asked == [("add", spec)]


async def test_hyperopt_has_fields_of_its_own() -> None:
    engine = engine_of()
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        pilot.app.screen.query_one("#cluster-kind").focus()
        await pilot.press("right")
        await settle(pilot, "Database")
        assert "Scheduler" not in text(pilot.app)
        await typed(pilot, name="tune", where="gpu[01-02]", dbname="trials", dbpath="db")
        await pilot.press("enter")
        await settle(pilot, "the folder: from the root or the home")
        await typed(pilot, dbpath="~/db")
        await pilot.press("enter")
        await until(pilot, lambda: bool(asked(engine, "start")))
    (spec,) = asked(engine, "add")[0]
    folder = str(Path.home() / "db")
    assert (spec.kind, spec.dbname, spec.dbpath) == (ClusterKind.HYPEROPT, "trials", folder)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "", "where": "@train"}, "give it a name"),
        ({"name": "s", "where": ""}, "say which hosts"),
        ({"name": "s", "where": "gpu99"}, "gpu99"),
        ({"name": "s", "where": "@train", "workers": "0"}, "workers: a number from 1"),
        ({"name": "s", "where": "@train", "workers": "many"}, "workers: a number from 1"),
        ({"name": "s", "where": "@train", "port": "99999"}, "the port: a number from 1 to 65535"),
        ({"name": "s", "where": "@train", "master": "gpu99"}, "here, or a host of the ssh config"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(fields, problem) -> None:
    engine = engine_of()
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        await typed(pilot, **fields)
        await pilot.press("enter")
        await settle(pilot, problem)
    assert engine.asked == []


@pytest.mark.parametrize("deed", ["check", "add"])
async def test_what_the_engine_refuses_is_told_in_the_form_and_the_text_stays(deed) -> None:
    engine = engine_of()
    engine.clusters.errors[deed] = UsageError("there is a cluster sweep already")
    async with shown(engine) as pilot:
        await on_clusters(pilot, "No cluster yet")
        await pilot.press("a")
        await settle(pilot, "New cluster")
        await typed(pilot, name="sweep", where="@train")
        await pilot.press("enter")
        await settle(pilot, "there is a cluster sweep already")
        assert "@train" in row_of(pilot.app, "Where")
        del engine.clusters.errors[deed]
        await pilot.press("enter")
        await settle(pilot, "● running")


async def test_e_changes_a_stopped_one_and_begins_with_what_there_is() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("e")  # it runs
        await pilot.press("j", "e")
        await settle(pilot, "Change tune")
        await typed(pilot, workers="3")
        pilot.app.screen.query_one("#cluster-then").focus()
        await pilot.press("right", "enter")
        await settle(pilot, "0/3")
    assert asked(engine, "change") == [("tune", replace(TUNE, workers=3))]


@pytest.mark.parametrize(
    "spec",
    [
        SWEEP,
        replace(SWEEP, workers=7, master="gpu02", master_port=9000),
        TUNE,
        replace(TUNE, dbpath="/data/db", dbname="trials", poll_interval=2.5),
    ],
    ids=["auto", "set", "hyperopt", "database"],
)
def test_the_fields_of_a_cluster_mean_that_cluster(spec) -> None:
    assert order_of(draft_of(spec), engine_of()) == spec


# The list


async def test_a_filter_shows_some_and_esc_all() -> None:
    async with shown(both()) as pilot:
        await on_clusters(pilot)
        for words in ("kind:hyperopt", "state:stopped", "tun", "gpu[01"):
            pilot.app.screen.set_filter(words)
            await settle(pilot, "1 of 1")
            assert pilot.app.screen.current.name == "tune"
        pilot.app.screen.set_filter("host:gpu04")
        await settle(pilot, "1 of 1")
        assert pilot.app.screen.current.name == "sweep"
        await pilot.press("slash")
        pilot.app.screen.query_one("FilterBar Input").value = "nothing"
        await settle(pilot, "None of 2 matches")
        await pilot.press("escape")
        await settle(pilot, "1 of 2")


async def test_clusters_are_sorted_as_asked_and_the_other_way_round() -> None:
    async with shown(both()) as pilot:
        await on_clusters(pilot)
        table = pilot.app.screen.table
        assert table.keys == ("sweep", "tune")
        await pilot.press("o", "k", "O")
        await until(pilot, lambda: table.keys == ("tune", "sweep"))
        await settle(pilot, "kind▲")


async def test_g_and_G_go_to_the_ends() -> None:
    async with shown(both()) as pilot:
        await on_clusters(pilot)
        await pilot.press("G")
        await settle(pilot, "2 of 2")
        await pilot.press("g")
        await settle(pilot, "1 of 2")


async def test_tab_goes_to_the_workers_and_esc_back_step_by_step() -> None:
    async with shown(both()) as pilot:
        await on_clusters(pilot)
        screen = pilot.app.screen
        await pilot.press("tab", "j")
        await until(pilot, lambda: screen.worker_table.current == "w-1")
        assert list(screen.hosts_meant) == ["gpu02"]
        await pilot.press("escape")
        await until(pilot, lambda: screen.table.has_focus)
        await pilot.press("escape")
        await settle(pilot, "bastion")


async def test_the_keys_go_back_to_the_clusters_when_the_workers_end() -> None:
    engine = both()
    async with shown(engine) as pilot:
        await on_clusters(pilot)
        await pilot.press("tab")
        engine.clusters.put(Cluster(SWEEP))
        await settle(pilot, "It is stopped.")
        await pilot.press("j")
        await settle(pilot, "2 of 2")


async def test_z_gives_the_workers_all_the_room() -> None:
    async with shown(both()) as pilot:
        await on_clusters(pilot)
        await pilot.press("tab", "z")
        await until(pilot, lambda: "here (mongod)" not in text(pilot.app))
        assert "w-3" in text(pilot.app)
        await pilot.press("z")
        await settle(pilot, "here (mongod)")


async def test_help_and_palette_know_the_keys() -> None:
    async with shown(both(), (100, 50)) as pilot:
        await on_clusters(pilot)
        await pilot.press("question_mark")
        await settle(pilot, "Make a cluster: Dask or Hyperopt")
        await pilot.press("escape", "colon", *"worker more")
        await settle(pilot, "One worker more")


# From Hosts


async def test_C_on_hosts_makes_a_cluster_of_the_marked_ones() -> None:
    engine = engine_of()
    async with shown(engine) as pilot:
        await settle(pilot, "gpu02")
        table = pilot.app.screen.table
        for name in ("gpu01", "gpu02"):
            table.move_cursor(table.keys.index(name))
            await pilot.press("space")
        await pilot.press("C")
        await settle(pilot, "New cluster")
        assert "gpu[01-02]" in row_of(pilot.app, "Where")
        await pilot.press(*"duo", "enter")
        await settle(pilot, "● running")


async def test_C_on_filtered_hosts_keeps_the_filter_or_names_them() -> None:
    async with shown(engine_of()) as pilot:
        await settle(pilot, "gpu02")
        hosts = pilot.app.screen
        hosts.set_filter("gpu>=1")
        await pilot.press("C")
        await settle(pilot, "New cluster")
        assert "gpu>=1" in row_of(pilot.app, "Where")
        await pilot.press("escape", "1")
        hosts.set_filter("astion")
        await settle(pilot, "1 of")
        await pilot.press("C")
        await settle(pilot, "New cluster")
        assert "bastion" in row_of(pilot.app, "Where")


async def test_C_on_a_group_makes_a_cluster_of_it() -> None:
    async with shown(engine_of()) as pilot:
        await settle(pilot, "gpu02")
        await pilot.press("at")
        await settle(pilot, "@train")
        await pilot.press("C")
        await settle(pilot, "New cluster")
        assert "@train" in row_of(pilot.app, "Where")


# Hostile text


def everywhere(nasty: str) -> FakeEngine:
    """Give an engine with a text in every field that is shown of a cluster."""
    odd = (ClusterVersions(nasty, nasty, {nasty: nasty, "b": "1"}),)
    check = ClusterCheck((nasty,), odd, (nasty,))
    spec = replace(SWEEP, name=nasty, where=nasty, master=nasty)
    lost = worker(1, nasty, state=WorkerState.RETRYING, reason=nasty, retry_at=NOW + 3)
    crew = (worker(0, nasty, name=nasty, doing=nasty), replace(lost, name=nasty + "1"))
    engine = engine_of(
        replace(running(spec), workers=crew, hosts=(nasty,), check=check),
        Cluster(replace(spec, name=nasty + "2"), ClusterState.FAILED, reason=nasty, check=check),
    )
    engine.clusters.found = check
    data = nasty.encode("utf-8", "surrogatepass")
    engine.clusters.printed = [ClusterLog(nasty, nasty, data), ClusterLog("w", nasty, data)]
    return engine


@pytest.mark.parametrize(
    ("nasty", "size"),
    [*((nasty, (110, 30)) for nasty in NASTY), *((n, (40, 10)) for n in ("wide", "long", "bidi"))],
)
async def test_nasty_text_is_shown_and_harms_nothing(nasty, size) -> None:
    async with shown(everywhere(NASTY[nasty]), size) as pilot:
        await pilot.press("5")
        for key in ("tab", "tab", "x", "escape", "D", "escape", "i", "escape", "b", "escape",
                    "l", "enter", "escape", "j", "e", "ctrl+t", "escape", "k"):  # fmt: skip
            await pilot.press(key)
            await pilot.pause()
            seen = rows(pilot.app)
            assert not FORBIDDEN.search("".join(seen))
            assert all(cell_len(row) <= size[0] for row in seen)
        assert pilot.app.is_running


async def test_markup_of_a_host_stands_there_letter_by_letter() -> None:
    async with shown(everywhere(NASTY["markup"]), (132, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot, "a [/x] [bold]b[/bold]")
        await pilot.press("j")
        await settle(pilot, "✗ a [/x] [bold]b[/bold] [@click=app.quit]c[/]")


async def test_a_copied_snippet_has_no_command_for_a_terminal() -> None:
    async with shown(everywhere(NASTY["escapes"])) as pilot:
        up = replace(running(replace(TUNE, name=NASTY["escapes"])), dashboard_port=0)
        pilot.app.engine.clusters.by_name = {up.name: up}
        await pilot.press("5")
        await settle(pilot, "1 of 1")
        await pilot.press("i")
        await settle(pilot, "MongoTrials")
        await pilot.press("y")
        await until(pilot, lambda: bool(pilot.app.clipboard))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", pilot.app.clipboard)


# How it looks

LOOKS = {
    "empty": (engine_of, [], "No cluster yet"),
    "running": (both, [], "1 of 2"),
    "failed": (lambda: engine_of(failed(SWEEP), Cluster(TUNE)), [], "tries again"),
    "log": (both, ["l", "enter"], "Scheduler at"),
    "snippet": (both, ["i"], "Use sweep"),
    "stop": (both, ["x"], "Stop sweep?"),
}


def looks(snap_compare, engine, size, keys, seen, *, fields=None) -> bool:
    async def go(pilot) -> None:
        await pilot.pause()
        await pilot.press("5")
        await settle(pilot, "5 Clusters")
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        if fields:
            await typed(pilot, **fields)
            await pilot.press("ctrl+t")
        await settle(pilot, seen)
        await pilot.pause(0.1)

    app = LazytuiApp(engine, clock=STOPPED_CLOCK)
    return snap_compare(app, terminal_size=size, run_before=go)


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=str)
@pytest.mark.parametrize("look", LOOKS)
def test_clusters_look_as_before(look, size, snap_compare) -> None:
    make, keys, seen = LOOKS[look]
    engine = make()
    engine.clusters.printed = [ClusterLog("scheduler", "", LOG), ClusterLog("w-0", "gpu01", b"")]
    assert looks(snap_compare, engine, size, keys, seen)


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=str)
def test_the_form_with_a_failed_check_looks_as_before(size, snap_compare) -> None:
    engine = both()
    versions = failed(SWEEP).check.versions + same_versions()[2:]
    engine.clusters.found = replace(failed(SWEEP).check, versions=versions)
    fields = {"name": "night", "where": "@train"}
    assert looks(snap_compare, engine, size, ["a"], "✗ gpu03", fields=fields)
