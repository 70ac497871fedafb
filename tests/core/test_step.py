"""Steps as data: what a task is made of, and what the journal keeps of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lazytui.core.step import (
    HOME,
    CommandSpec,
    FunctionSpec,
    GetSpec,
    Place,
    SendSpec,
    from_step,
    step_title,
)
from lazytui.core.task import RuntimeTask

STEPS = [
    CommandSpec("echo \udcff", "/tmp", {"A": "1"}, tty=True),
    FunctionSpec("train(lr=0.1)", "ab" * 32, 900, "3.11", None, {"A": "1"}),
    SendSpec("/home/me/da\nta", "there", checksum=True),
    GetSpec("-rf \udcfe", "/home/me"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.kind)
def test_a_step_comes_back_from_the_journal_as_it_was(step: CommandSpec) -> None:
    assert from_step(json.loads(json.dumps(step.to_step()))) == step


def test_the_journal_does_not_keep_what_a_function_is_made_of() -> None:
    step = FunctionSpec("f()", "ab" * 32, 3, "3.11", payload=b"\x80\x05N")

    assert "payload" not in step.to_step()


def test_steps_are_named_by_what_they_do_also_one_of_a_later_version() -> None:
    steps = [*(step.to_step() for step in STEPS[1:]), {"kind": "dance"}]

    assert [step_title(step) for step in steps] == [
        "train(lr=0.1)",
        "send /home/me/da\nta there",
        "get -rf \udcfe /home/me",
        "dance",
    ]


def test_files_of_the_manager_are_meant_from_where_the_task_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    task = RuntimeTask().send_file("data", "there").send_file(Path("/a")).get_file("out")

    assert task.steps == (
        SendSpec(f"{tmp_path}/data", "there"),
        SendSpec("/a"),
        GetSpec("out", f"{tmp_path}/"),  # into that folder
    )


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("run_command", [""]),
        ("send_file", [""]),
        ("send_file", ["a", " "]),
        ("get_file", [""]),
        ("get_file", ["a", ""]),
    ],
)
def test_a_step_without_its_words_is_refused(verb: str, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"empty|needs"):
        getattr(RuntimeTask(), verb)(*words)


def test_the_directory_and_variables_of_a_step_go_before_those_of_its_place() -> None:
    place = Place("/work", {"A": "1", "B": "2", "WORKING_DIR": "elsewhere"})

    assert place.environment({"B": "3"}) == {"A": "1", "B": "3", "WORKING_DIR": "/work"}
    assert [place.directory(wanted) for wanted in (None, "sub", "/abs", "~/x")] == [
        "/work",
        "/work/sub",
        "/abs",
        "~/x",
    ]
    assert (HOME.environment(None), HOME.directory("sub"), HOME.directory(None)) == (
        {},
        "sub",
        None,
    )
