"""Tasks as TOML files, and what is filled in for each host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.plan import Plan
from lazytui.core.step import CommandSpec, FunctionSpec, GetSpec, SendSpec
from lazytui.core.task_file import (
    KINDS,
    StepDraft,
    TaskDraft,
    parse_task,
    read_task_file,
    task_toml,
)
from lazytui.core.templates import HostValues, fill_command, fill_path, fill_step, has_variables
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREPARE = """\
name = "prepare"
where = "@train"
how = "least busy"
when = "gpu>=1"
timeout = "5m"
stop_on_failure = true

[[steps]]
send = "preprocess.py"

[[steps]]
run = "python3 preprocess.py --shard {{index}}"
env = { OMP_NUM_THREADS = "4" }

[[steps]]
function = "jobs:train"
kwargs = { lr = 0.1, layers = [64, 64] }

[[steps]]
get = "out.parquet"
to = "results/{{host}}.parquet"
"""


def no_functions(name: str, kwargs: Mapping[str, Any], folder: Path) -> FunctionSpec:
    return FunctionSpec(f"{name}{kwargs}", "digest", 1, "3.11")


def test_a_file_says_steps_hosts_and_plan() -> None:
    draft = parse_task(PREPARE)

    assert (draft.name, draft.where) == ("prepare", "@train")
    assert draft.plan == Plan(0, True, 300, "gpu>=1", least_busy=True)
    assert [step.title for step in draft.steps] == [
        "preprocess.py",
        "python3 preprocess.py --shard {{index}}",
        "jobs:train(lr=0.1, layers=[64, 64])",
        "out.parquet → results/{{host}}.parquet",
    ]


def test_paths_of_the_manager_are_relative_to_the_folder_of_the_file(tmp_path: Path) -> None:
    task, plan = parse_task(PREPARE).task(tmp_path, no_functions)

    assert task.name == "prepare"
    assert task.steps == (
        SendSpec(f"{tmp_path}/preprocess.py"),
        CommandSpec("python3 preprocess.py --shard {{index}}", env={"OMP_NUM_THREADS": "4"}),
        FunctionSpec("jobs:train{'lr': 0.1, 'layers': [64, 64]}", "digest", 1, "3.11"),
        GetSpec("out.parquet", f"{tmp_path}/results/{{{{host}}}}.parquet"),
    )
    assert plan.templates
    assert not parse_task('[[steps]]\nrun="df"').task(tmp_path, no_functions)[1].templates


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
filled = texts.filter(str.strip)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def steps(draw: st.DrawFn) -> StepDraft:
    kind = draw(st.sampled_from(KINDS))
    more: dict[str, Any] = {}
    if kind in ("send", "get"):
        more = {"to": draw(texts), "checksum": draw(st.booleans())}
    else:
        more = {"cwd": draw(texts), "env": draw(st.dictionaries(names, texts, max_size=2))}
    if kind == "run":
        more["tty"] = draw(st.booleans())
    if kind == "function":
        more["kwargs"] = draw(st.dictionaries(names, values, max_size=2))
    return StepDraft(kind, draw(filled), **more)


plans = st.builds(
    Plan,
    batch=st.integers(0, 9),
    stop_on_failure=st.booleans(),
    timeout_s=st.none() | st.integers(1, 10_000),
    task_timeout_s=st.none() | st.integers(1, 10_000),
    when=texts,
) | st.just(Plan(least_busy=True))


@given(
    st.builds(TaskDraft, texts, st.lists(steps(), min_size=1, max_size=3).map(tuple), texts, plans)
)
def test_what_is_written_is_read_back_the_same(draft: TaskDraft) -> None:
    assert parse_task(task_toml(draft)) == draft


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 'x'", r"at least one \[\[steps\]\]"),
        ("steps = 3", r"at least one \[\[steps\]\]"),
        ("steps = [3]", "step 1: a step is a table"),
        ("name = ", "1: "),
        ("colour = 'red'\n[[steps]]\nrun='df'", "unknown 'colour'; known are name, where"),
        ("[[steps]]\nrun='df'\n\n[[steps]]\n", "^4: a step has exactly one of run, send, get"),
        ("[[steps]]\nrun='df'\nsend='x'", "^1: a step has exactly one"),
        ("[[steps]]\nrun=' '", "^1: run is empty"),
        ("[[steps]]\nrun='df'\nto='x'", "^1: unknown 'to'; known are run, cwd, env, tty"),
        ("[[steps]]\nrun='df'\nenv='A=1'", "^1: env: expected a table"),
        ("[[steps]]\nrun='df'\nenv={A=1}", "^1: env: values are texts"),
        ("[[steps]]\nrun='df'\nenv={'A-B'='1'}", "^1: env: expected NAME=VALUE"),
        ("[[steps]]\nrun='df'\ntty='yes'", "^1: tty: expected true or false"),
        ("[[steps]]\nfunction='f'\nkwargs={'a b'=1}", "^1: kwargs: expected a table"),
        ("how = 'quickly'\n[[steps]]\nrun='df'", "how: expected 'all at once'"),
        ("task_timeout = 'soon'\n[[steps]]\nrun='df'", "expected a time"),
        ("timeout = 'soon'\n[[steps]]\nrun='df'", "expected a time"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_task(text)


def test_a_file_that_cannot_be_read_says_which(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("\n[[steps]]\nrun = 7\n")
    (tmp_path / "binary.toml").write_bytes(b"\n\n\xff")
    (tmp_path / "huge.toml").write_bytes(b"#" * ((1 << 20) + 1))

    for name, problem in {
        "none.toml": "No such file",
        "broken.toml": r"broken.toml:2: run: expected a text",
        "binary.toml": r"binary.toml:3: is not UTF-8",
        "huge.toml": "larger",
    }.items():
        with pytest.raises(UsageError, match=problem):
            read_task_file(tmp_path / name)


# --- templates -------------------------------------------------------------------------------

GPU01 = HostValues("gpu01", "ana", "10.0.0.1", 2222, 3)


def test_variables_stand_for_what_the_host_is() -> None:
    text = "echo {{host}} {{user}}@{{ hostname }}:{{port}} {{index}} {{other}} {{.Names}} ${{HOME}}"

    assert fill_command(text, GPU01) == (
        "echo gpu01 ana@10.0.0.1:2222 3 {{other}} {{.Names}} ${{HOME}}"
    )
    assert has_variables("df", None, "{{host}}")
    assert not has_variables("df", None, "{{.Names}}", "{{hosts}}")


def test_a_name_that_the_shell_would_take_apart_is_quoted() -> None:
    assert fill_command("echo {{host}}", HostValues("a; rm -rf ~")) == "echo 'a; rm -rf ~'"


def test_a_name_never_leads_out_of_a_folder() -> None:
    assert fill_path("out/{{host}}/x", HostValues("../../etc")) == "out/.._.._etc/x"
    assert fill_path("out/{{host}}/x", HostValues("..")) == "out/_/x"


def test_every_part_of_a_step_is_filled_in() -> None:
    assert fill_step(
        CommandSpec("run {{index}}", "d/{{host}}", {"H": "{{host}}"}), GPU01
    ) == CommandSpec("run 3", "d/gpu01", {"H": "gpu01"})
    assert fill_step(SendSpec("/in/{{host}}"), GPU01) == SendSpec("/in/gpu01")
    assert fill_step(GetSpec("{{host}}", "/o/{{index}}"), GPU01) == GetSpec("gpu01", "/o/3")
