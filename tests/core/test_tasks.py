"""Tasks: the runs of one folded into what needs a look first, and the filter of their list."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.model import RunRecord, RunState
from lazytui.core.task_filter import parse_task_filter
from lazytui.core.tasks import TaskList, TaskView, fold_task
from lazytui.errors import UsageError

Q, R, S = RunState.QUEUED, RunState.RUNNING, RunState.SUCCEEDED
F, C, L = RunState.FAILED, RunState.CANCELLED, RunState.LOST


def run(
    task_id: int, host: str, state: RunState = S, *, command: str = "uptime", **facts: object
) -> RunRecord:
    record = RunRecord(
        f"{task_id}-{host}", task_id, command, command, host, state, None, "", 10.0, 11.0, 12.0, ""
    )
    return replace(record, **facts)  # type: ignore[arg-type]


def task(*states: RunState, command: str = "uptime") -> TaskView:
    return fold_task(
        [run(7, f"gpu{n:02}", state, command=command) for n, state in enumerate(states, 1)]
    )


# --- folding -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "folded"),
    [
        ((S, S), S),
        ((S, F, C, L), F),
        ((S, C, L), L),
        ((S, C), C),
        ((Q, Q), Q),
        ((S, R, F), R),
        ((Q, R), R),
        ((S, Q), R),  # the first batch is over, the next one waits
    ],
)
def test_a_task_is_what_needs_a_look_first(states, folded):
    assert task(*states).state is folded


def test_a_task_counts_its_runs_and_takes_from_the_first_start_to_the_last_end():
    folded = fold_task(
        [
            run(1, "a", S, started=5.0, ended=9.0),
            run(1, "b", F, started=3.0, ended=6.0),
            run(1, "c", F, started=None, ended=20.0),
        ]
    )

    assert folded.counts == {S: 1, F: 2}
    assert (folded.started, folded.ended, folded.seconds(99.0)) == (3.0, 20.0, 17.0)
    assert folded.hosts == ("a", "b", "c")
    assert folded.has_trouble


def test_a_task_with_a_run_that_goes_on_has_no_end():
    folded = fold_task([run(1, "a", S), run(1, "b", R, ended=None)])

    assert folded.ended is None
    assert folded.seconds(21.0) == 10.0
    assert [alive.host for alive in folded.alive] == ["b"]


def test_the_list_has_the_newest_task_first_and_its_runs_in_the_order_of_hosts():
    tasks = TaskList()
    tasks.reset([run(1, "b"), run(1, "a"), run(3, "x"), run(2, "y")])

    assert [t.task_id for t in tasks.newest_first()] == [3, 2, 1]
    assert tasks.newest_first()[2].hosts == ("b", "a")


def test_a_change_touches_its_own_task_only():
    tasks = TaskList()
    tasks.reset([run(1, "a", R), run(2, "a", R)])
    untouched = tasks.get(2)

    changed = tasks.change(["1-a"], lambda _: run(1, "a", F))

    assert changed == {1}
    assert tasks.get(1).state is F
    assert tasks.get(2) is untouched


def test_a_forgotten_run_takes_its_task_along_when_it_was_the_last():
    def gone(run_id: str) -> RunRecord:
        raise KeyError(run_id)

    tasks = TaskList()
    tasks.reset([run(1, "a"), run(1, "b")])

    assert tasks.change(["1-a"], gone) == {1}
    assert tasks.get(1).hosts == ("b",)
    assert tasks.change(["1-b", "never-seen"], gone) == {1}
    assert tasks.get(1) is None
    assert tasks.newest_first() == []


# --- the filter --------------------------------------------------------------------------

SAMPLES = [
    task(S, command="python train.py --lr 3e-4"),
    task(S, F, command="pip install -r req.txt"),
    task(R, S, command="df -h /data"),
]


def hits(text: str) -> list[str]:
    return [t.command.split()[0] for t in SAMPLES if parse_task_filter(text).matches(t)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["python", "pip", "df"]),
        ("trn", ["python"]),
        ("TRAIN", ["python"]),
        ("pn", ["python"]),  # letters of one word, in this order
        ("p rqt", ["pip"]),
        ("failed", ["pip"]),
        ("state:running", ["df"]),
        ("done", ["python"]),
        ("!done", ["pip", "df"]),
        ("host:gpu02", ["pip", "df"]),
        ("host:gpu[02-09]", ["pip", "df"]),
        ("host:02", ["pip", "df"]),
        ("host:g*2", ["pip", "df"]),
        ("host:cpu", []),
        ("/^p.*txt$/", ["pip"]),
        ("!/data/", ["python", "pip"]),
        ("/data", ["df"]),  # a path, not an expression
        ("#7", ["python", "pip", "df"]),
        ("#8", []),
    ],
)
def test_a_filter_finds(text, found):
    assert hits(text) == found


@pytest.mark.parametrize("text", ["state:", "state:up", "host:", "/(/"])
def test_a_term_that_says_nothing_is_refused_with_a_reason(text):
    with pytest.raises(UsageError):
        parse_task_filter(text)


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_refused(text):
    try:
        parse_task_filter(text).matches(SAMPLES[0])
    except UsageError:
        pass
