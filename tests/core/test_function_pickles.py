"""Functions made into bytes: whatever can be called, and in words what cannot be sent."""

from __future__ import annotations

import functools
import pickle
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from lazytui.core import functions
from lazytui.core.payloads import Payloads
from lazytui.core.step import FunctionSpec
from lazytui.core.task import RuntimeTask
from lazytui.errors import FunctionSendError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

LOCK = threading.Lock()


def helper(n: int) -> int:
    return n + 1


def uses_helper(n: int, *, by: int = 2) -> int:
    return helper(n) * by


def uses_lock() -> bool:
    return LOCK.locked()


class Model:
    def __init__(self, rate: float) -> None:
        self.rate = rate

    def step(self, n: int) -> float:
        return self.rate * n

    def __call__(self, n: int) -> float:
        return self.step(n)


def test_a_step_is_named_by_its_call() -> None:
    step = functions.pickled(uses_helper, {"n": 3, "by": "x" * 500})

    assert step.title.startswith("uses_helper(n=3, by='xxx")
    assert len(step.title) <= 200
    assert step.python == f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize(
    ("function", "title"),
    [
        (lambda n: n, "<lambda>(n=1)"),
        (functools.partial(uses_helper, by=3), "uses_helper(n=1)"),
        (Model(0.5).step, "Model.step(n=1)"),
        (Model(0.5), "Model(n=1)"),
        (len, "len(n=1)"),
    ],
    ids=["lambda", "partial", "method", "callable object", "builtin"],
)
def test_whatever_can_be_called_becomes_a_step(function: object, title: str) -> None:
    task = RuntimeTask().run_function(function, n=1)  # type: ignore[arg-type]

    (step,) = task.steps
    assert isinstance(step, FunctionSpec)
    assert step.title == title
    assert task.name == title


def test_what_the_users_own_files_hold_is_sent_along() -> None:
    """Neither this module nor its package are named in the bytes as something to import."""
    step = functions.pickled(uses_helper, {"n": 1})

    assert step.payload is not None
    names = {name for name in map(str, _imported(step.payload)) if name.startswith("tests")}
    assert names == set()


def _imported(data: bytes) -> set[str]:
    """The modules that a pickle would import."""
    import pickletools

    strings: list[str] = []
    found = set()
    for opcode, value, _ in pickletools.genops(data):
        if opcode.name == "STACK_GLOBAL":
            found.add(strings[-2])
        elif isinstance(value, str):
            strings.append(value)
    return found


def test_the_same_call_has_the_same_digest_and_is_kept_once(tmp_path: Path) -> None:
    payloads = Payloads(tmp_path)
    steps = [functions.pickled(uses_helper, {"n": 1}) for _ in range(2)]

    payloads.keep(steps)

    assert steps[0].digest == steps[1].digest
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert payloads.read(FunctionSpec.from_step(steps[0].to_step())) == steps[0].payload


def test_a_kept_function_that_is_gone_or_damaged_is_told(tmp_path: Path) -> None:
    payloads = Payloads(tmp_path)
    step = functions.pickled(uses_helper, {"n": 1})
    payloads.keep([step])
    known = FunctionSpec.from_step(step.to_step())

    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"else")
    with pytest.raises(UsageError, match="damaged"):
        payloads.read(known)
    payloads.remove([step.digest])
    with pytest.raises(UsageError, match="not kept any more"):
        payloads.read(known)
    with pytest.raises(UsageError, match="make the task again"):
        payloads.keep([known])


def closure() -> object:
    handle = threading.Lock()
    return lambda: handle.locked()


@pytest.mark.parametrize(
    ("function", "arguments", "what"),
    [
        (uses_lock, {}, "uses_lock cannot be sent: the global LOCK that it uses, a _thread.lock"),
        (closure(), {}, "<lambda> cannot be sent: its variable handle, a _thread.lock"),
        (helper, {"n": LOCK}, "helper cannot be sent: its argument n, a _thread.lock"),
        (functools.partial(helper, LOCK), {}, "argument 1 of the partial"),
        (Model(LOCK).step, {}, "the object it is a method of, a tests"),  # type: ignore[arg-type]
        (lambda n=LOCK: n, {}, "default 1 of its parameters"),
    ],
    ids=["global", "closure", "argument", "partial", "method", "default"],
)
def test_what_cannot_be_sent_is_named(function: object, arguments: dict, what: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(FunctionSendError) as caught:
        functions.pickled(function, arguments)  # type: ignore[arg-type]

    assert what in str(caught.value)


def test_what_cannot_be_called_is_no_step() -> None:
    with pytest.raises(ValueError, match="needs a function, not 3"):
        RuntimeTask().run_function(3)  # type: ignore[arg-type]


# -- finding functions


def test_a_function_is_found_in_a_file_and_in_a_module(tmp_path: Path) -> None:
    path = tmp_path / "my_train.py"
    path.write_text(
        "from dataclasses import dataclass\nimport my_model\n"
        "@dataclass\nclass A:\n    x: int = 1\n"
        "def train(lr): return my_model.double(lr)\n"
        "class B:\n    @staticmethod\n    def go(): ...\n"
    )
    (tmp_path / "my_model.py").write_text("def double(n): return 2 * n\n")
    try:
        train = functions.find(f"{path}:train")

        assert train(lr=2) == 4
        assert functions.find(f"{path}:B.go").__name__ == "go"
        assert functions.find("json.encoder:JSONEncoder.encode").__name__ == "encode"
        payload = functions.pickled(train, {"lr": 2}).payload
        assert payload is not None
        assert not {"my_train", "my_model"} & _imported(payload)
    finally:
        sys.modules.pop("my_train", None)
        sys.modules.pop("my_model", None)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("train", "expected MODULE:FUNCTION"),
        ("json:", "expected MODULE:FUNCTION"),
        ("json:nothing", "json has no function nothing"),
        ("json:__name__", "no function"),
        ("no_such_module_here:f", "cannot be imported: ModuleNotFoundError"),
        ("/no/such/file.py:f", "cannot be run: FileNotFoundError"),
    ],
)
def test_a_function_that_is_not_there_is_told(text: str, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        functions.find(text)


def test_what_is_sent_can_be_called_where_it_arrives() -> None:
    payload = functions.pickled(uses_helper, {"n": 1}).payload
    assert payload is not None

    function, arguments = pickle.loads(payload)

    assert function(**arguments) == 4
