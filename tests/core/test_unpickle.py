"""What comes back from a host: plain data is read, anything else is never executed."""

from __future__ import annotations

import ast
import collections
import contextlib
import datetime as dt
import decimal
import fractions
import io
import pathlib
import pickle
import random
import sys
import uuid
import zoneinfo
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lazytui
from lazytui.core import unpickle
from lazytui.errors import UntrustedReturnError

PLAIN = [
    None,
    [1, 2.5, 3 + 4j, "text", b"bytes", bytearray(b"more"), True, ...],
    {"a": (1, {2, 3}, frozenset({4})), 5: range(6), None: slice(1, 2)},
    dt.datetime(2026, 11, 23, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 23, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    dt.timedelta(seconds=3),
    decimal.Decimal("1.5"),
    fractions.Fraction(1, 3),
    uuid.UUID(int=7),
    pathlib.PurePosixPath("/a/b"),
    collections.Counter("abca"),
    collections.OrderedDict(a=1),
    collections.defaultdict(list, a=[1]),
    collections.deque([1], maxlen=3),
    SimpleNamespace(loss=0.5),
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_comes_back_as_it_was(value: object) -> None:
    assert unpickle.read(pickle.dumps(value), host="gpu01") == value


def test_an_exception_comes_back_as_a_value() -> None:
    error = unpickle.read(pickle.dumps(ValueError("bad", 3)), host="gpu01")

    assert isinstance(error, ValueError)
    assert error.args == ("bad", 3)


class Marks:
    """Unpickling it runs a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        import os

        return os.system, (f"touch '{self.path}'",)


def test_a_malicious_pickle_is_not_executed_and_is_named(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    data = pickle.dumps({"loss": [0.1, Marks(marker)]})

    with pytest.raises(
        UntrustedReturnError, match=r'posix\.system.*trust_returns.*\[hosts\."gpu01"'
    ):
        unpickle.read(data, host="gpu01")

    assert not marker.exists()


def test_a_trusted_host_may_return_anything(tmp_path: Path) -> None:
    marker = tmp_path / "marker"

    unpickle.read(pickle.dumps(Marks(marker)), host="gpu01", trusted=True)

    assert marker.exists()


# What pickles are known to reach code by: each names something that is not data.
NAMES = [
    "builtins eval",
    "builtins exec",
    "builtins __import__",
    "builtins type",
    "builtins map",
    "builtins open",
    "os system",
    "posix system",
    "subprocess Popen",
    "operator attrgetter",
    "functools partial",
    "importlib import_module",
    "pickle loads",
    "copyreg _reconstructor",
    "cloudpickle.cloudpickle _make_function",
    "lazytui.core.unpickle read",
    "pathlib Path.write_text",
    "pathlib PosixPath.unlink",
    "numpy load",
    "pandas read_pickle",
    "builtins object.__subclasses__",
    "collections _sys.modules",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_data_is_not_even_looked_up(name: str) -> None:
    module, attribute = name.split()
    words = b"\x8c%c%s\x8c%c%s\x93." % (
        len(module),
        module.encode(),
        len(attribute),
        attribute.encode(),
    )

    with pytest.raises(UntrustedReturnError, match="more than plain data"):
        unpickle.read(b"\x80\x04" + words, host="gpu01")


@pytest.mark.parametrize("target", ["fractions\nFraction", "collections\nCounter"])
def test_a_pickle_cannot_change_a_class_for_everybody(target: str) -> None:
    """GLOBAL, then BUILD with slots: setattr(Fraction, "__add__", int)."""
    data = b"c%s\n(N}X\x07\x00\x00\x00__add__cbuiltins\nint\nstb." % target.encode()
    before = fractions.Fraction.__add__, collections.Counter.__add__

    with pytest.raises(UntrustedReturnError, match="changes"):
        unpickle.read(data, host="gpu01")

    assert (fractions.Fraction.__add__, collections.Counter.__add__) == before


def test_looking_up_an_attribute_gives_a_time_zone_and_nothing_else() -> None:
    """``getattr(str, "format")`` as a pickle."""
    data = b"cbuiltins\ngetattr\n(cbuiltins\nstr\nX\x06\x00\x00\x00formattR."

    with pytest.raises(UntrustedReturnError, match="looks into <class 'str'>"):
        unpickle.read(data, host="gpu01")


@given(st.binary(max_size=200))
def test_damaged_bytes_are_told_as_such(data: bytes) -> None:
    with contextlib.suppress(UntrustedReturnError):
        unpickle.read(data, host="gpu01")


@given(st.integers(), st.sampled_from(PLAIN))
def test_cut_and_flipped_pickles_never_raise_anything_else(seed: int, value: object) -> None:
    source = random.Random(seed)
    data = bytearray(pickle.dumps(value))
    for _ in range(source.randrange(1, 4)):
        data[source.randrange(len(data))] = source.randrange(256)
    with contextlib.suppress(UntrustedReturnError):
        unpickle.read(bytes(data[: source.randrange(len(data) + 1)]), host="gpu01")


def test_an_array_where_there_is_no_numpy_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)  # as if it were not installed
    with pytest.raises(UntrustedReturnError, match=r"does not have: .*numpy"):
        unpickle.read(b"\x80\x04\x8c\x05numpy\x8c\x07ndarray\x93.", host="gpu01")


def test_pickles_are_read_in_one_place_of_the_manager_only() -> None:
    root = Path(lazytui.__path__[0])
    reading = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("load", "loads", "Unpickler"):
                owner = node.value
                if isinstance(owner, ast.Name) and "pickle" in owner.id:
                    reading.add(str(path.relative_to(root)))

    # The other is the host's end: it calls what its own user sent.
    assert reading == {"core/unpickle.py", "remote/call.py"}


def test_a_long_list_is_read_quickly_in_c() -> None:
    """The watchful reader, ten times slower, is only for classes that could be changed."""
    data = io.BytesIO(pickle.dumps(list(range(1000))))

    assert unpickle._Quick(data.getvalue(), "gpu01").load() == list(range(1000))
