"""``lazytui run --function``: a function of a file or a module, called on hosts."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from lazytui.commands.run_order import read_kwargs
from lazytui.errors import UsageError
from tests.engines import lazytui_here

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

TRAIN = """\
import helper_of_train
print("the file is run here once")

def train(lr, epochs=1, name="x"):
    print("training", name)
    return {"loss": helper_of_train.product(lr, epochs)}

def fails():
    raise ValueError("bad rate")

class Odd:
    pass

def odd():
    return Odd()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a user's files, which is the current one."""
    path = tmp_path / "project"
    path.mkdir()
    (path / "train.py").write_text(TRAIN)
    (path / "helper_of_train.py").write_text("def product(a, b): return a * b\n")
    monkeypatch.chdir(path)
    return path


def test_a_function_of_a_file_is_called_on_all_hosts(
    farm: SSHFarm, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add_many("gpu", 2)
    run = ["run", "-w", "gpu[001-002]", "--function", "train.py:train", "--kwargs", '{"lr": 0.5}']

    code, out, err = lazytui_here(farm, monkeypatch, capfd, *run, "--", "epochs=4", "name=a b")

    assert code == 0, err
    assert sorted(out.splitlines()) == ["gpu001: training a b", "gpu002: training a b"]
    assert sorted(err.splitlines()) == [
        "lazytui: gpu001 returned {'loss': 2.0}",
        "lazytui: gpu002 returned {'loss': 2.0}",
    ]


def test_scripts_get_what_was_returned_as_json(
    farm: SSHFarm, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add("gpu01")
    run = ["run", "--json", "-w", "gpu01", "--function"]

    results = []
    for words in (["train:train", "lr=2"], ["train:fails"], ["train:odd"]):
        code, out, _ = lazytui_here(farm, monkeypatch, capfd, *run, *words)
        results.append((code, json.loads(out)))

    (fine, row), (bad, failed), (also_fine, odd) = results
    assert (fine, bad, also_fine) == (0, 1, 0)
    assert (row["returned"], row["output"]) == ({"loss": 2}, "training x\n")
    assert (failed["returned"], failed["reason"]) == (None, "ValueError: bad rate")
    assert "Traceback" in failed["output"]
    assert (odd["state"], odd["returned"]) == ("succeeded", None)
    assert "more than plain data" in odd["reason"]


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["train.py:nothing"], "train.py has no function nothing"),
        (["nothing.py:train"], "nothing.py cannot be run: FileNotFoundError"),
        (["train"], "expected MODULE:FUNCTION"),
        (["dies:f"], "dies:f cannot be imported: no licence for you"),
        (["train.py:train", "lr"], "lr: the arguments of a function are NAME=VALUE"),
        (["train.py:train", "--kwargs", "{"], "--kwargs is no JSON"),
        (["train.py:train", "--task", "t.toml"], "--function is the only step"),
    ],
)
def test_what_cannot_be_called_is_told_before_any_host_is_asked(
    farm: SSHFarm,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    wrong: str,
) -> None:
    farm.add_refused("gpu01")
    (folder / "dies.py").write_text(
        "import os, sys\nprint('no licence for you', file=sys.stderr, flush=True)\nos._exit(9)\n"
    )
    options = words[1:] if words[1:] and words[1].startswith("--") else []
    rest = words[1:] if not options else []

    code, out, err = lazytui_here(
        farm, monkeypatch, capfd, "run", "-w", "gpu01", *options, "--function", words[0], *rest
    )

    assert (code, out) == (2, "")
    assert wrong in err


def test_a_task_file_calls_functions_between_its_other_steps(
    farm: SSHFarm, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add("gpu01")
    (folder / "task.toml").write_text(
        'name = "all"\n[[steps]]\nrun = "echo before"\n'
        '[[steps]]\nfunction = "train.py:train"\nkwargs = {lr = 3}\n'
        '[[steps]]\nrun = "echo after"\n'
    )
    monkeypatch.chdir(os.sep)

    code, out, err = lazytui_here(
        farm, monkeypatch, capfd, "run", "-w", "gpu01", "--task", str(folder / "task.toml")
    )

    assert code == 0, err
    assert out == "before\ntraining x\nafter\n"
    assert "gpu01 returned {'loss': 3}" in err


def test_values_are_json_where_they_can_be() -> None:
    words = ["--", "a=1", "b=[1, 2]", "c=text", "d=", "e=x=y", "f=true"]

    assert read_kwargs('{"z": null}', words) == {
        "z": None,
        "a": 1,
        "b": [1, 2],
        "c": "text",
        "d": "",
        "e": "x=y",
        "f": True,
    }
    for text, bad in (("[1]", []), (None, ["1a=2"])):
        with pytest.raises(UsageError):
            read_kwargs(text, bad)
