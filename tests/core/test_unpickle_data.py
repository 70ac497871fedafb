"""Arrays and frames that hosts return: read as they were, and never in a way that numpy regrets."""

from __future__ import annotations

import collections
import pickle
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core import unpickle
from lazytui.core.model import RunState
from lazytui.errors import UntrustedReturnError
from tests.core.test_functions import returned
from tests.core.test_functions import start as call
from tests.engines import QUICK, engine_on

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

RECORDS = [("a", "i4"), ("b", ">f8", (2, 2)), ("c", [("u", "U3"), ("t", "M8[ms]")])]


def read(value: object, protocol: int = pickle.HIGHEST_PROTOCOL) -> Any:
    return unpickle.read(pickle.dumps(value, protocol), host="gpu01")


# --- numpy -----------------------------------------------------------------------------------

ARRAYS = {
    "of no dimension": np.array(3.5),
    "empty": np.empty((0, 3), "f4"),
    "every other column": np.arange(12.0).reshape(3, 4)[:, ::2],
    "by columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "turned": np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0),
    "backwards": np.arange(5)[::-1],
    "broadcast": np.broadcast_to(np.arange(3), (2, 3)),
    "of records": np.zeros(3, RECORDS),
    "of aligned records": np.ones(2, np.dtype([("x", "i1"), ("y", "f8")], align=True)),
    "of a part of records": np.zeros(3, [("x", "i1"), ("y", "f8")])[["y"]],
    "of texts": np.array(["a", "bcd", ""]),
    "of bytes": np.array([b"a", b"bcd"]),
    "of times": np.array(["2026-01-02T03", "NaT"], "M8[us]"),
    "of spans": np.array([1, 2], "m8[7s]"),
    "of void": np.zeros(2, "V7"),
    "of objects that are plain": np.array([1, "a", None, [2.5]], dtype=object),
}


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_comes_back_as_it_was(array: np.ndarray[Any, Any], protocol: int) -> None:
    found = read(array, protocol)

    assert type(found) is np.ndarray
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("code", ["?", "i1", ">u8", "f2", "g", "c16", "U5", "S3", "V7", "M8[ns]"])
def test_dtypes_and_scalars_of_them_come_back(code: str) -> None:
    dtype = np.dtype(code)
    scalar = np.zeros(1, dtype)[0]

    assert read([dtype, {"again": dtype}]) == [dtype, {"again": dtype}]
    assert type(read(scalar)) is type(scalar)
    assert read(scalar).tobytes() == scalar.tobytes()


def test_an_array_in_a_file_comes_back_without_the_file(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "data", "i4", "w+", shape=(2, 3))
    mapped[:] = 7

    found = read(mapped)

    assert type(found) is np.ndarray
    assert found.tolist() == [[7] * 3] * 2


@given(
    st.sampled_from([np.int8, np.float64, np.complex64, "U3", "M8[s]"]),
    st.lists(st.integers(0, 4), max_size=4),
)
def test_arrays_of_any_shape_come_back(kind: Any, shape: list[int]) -> None:
    array = np.arange(int(np.prod(shape)) or 1).astype("i4")[: int(np.prod(shape))]
    array = array.astype(kind).reshape(shape)

    assert read(array).tolist() == array.tolist()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.ma.array([1, 2], mask=[0, 1]), "numpy.ma"),
        (np.random.default_rng(1), "numpy.random"),
        (np.array([(1, [])], [("x", "i4"), ("o", "O")]), "objects in its fields"),
        (np.polynomial.Polynomial([1, 2]), "Polynomial"),
    ],
)
def test_what_is_more_than_an_array_is_named_with_how_to_trust_it(value: object, name: str) -> None:
    with pytest.raises(UntrustedReturnError, match=rf"gpu01 returned .*{name}.*trust_returns"):
        read(value)


# --- what numpy would believe ----------------------------------------------------------------


class Made:
    """Something whose pickle is what is given here."""

    def __init__(self, *reduced: object) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


ADDRESS = b"\x41" * 8
RECONSTRUCT = np.empty(0).__reduce__()[0]
FROM_BUFFER = np.empty(1).__reduce_ex__(5)[0]
SCALAR = np.float64(1).__reduce__()[0]
PLAIN = (3, "|", None, None, None, -1, -1, 0)


def forged(word: str, *state: object) -> Made:
    return Made(np.dtype, (word, False, True), state)


def array_of(dtype: object, data: object = ADDRESS, shape: tuple[int, ...] = (1,)) -> Made:
    return Made(RECONSTRUCT, (np.ndarray, (0,), b"b"), (1, shape, dtype, False, data))


POINTERS = forged("O8", *PLAIN)
HIDDEN = forged("V8", 3, "|", None, ("x",), {"x": (np.dtype("O"), 0)}, 8, 1, 0)
OUTSIDE = forged("V8", 3, "|", None, ("x",), {"x": (np.dtype("i8"), 4096)}, 8, 1, 0)
NEGATIVE = forged("V8", 3, "|", None, ("x",), {"x": (np.dtype("i8"), -8)}, 8, 1, 0)
LARGER = forged("V8", 3, "|", (np.dtype("f8"), (1000,)), None, None, 8, 8, 0)
SMALLER = forged("U4", 3, "<", None, None, None, 4000, 4, 8)

FORGED = {
    "objects over bytes": Made(np.ndarray, ((1,), np.dtype("O"), ADDRESS)),
    "objects that are bytes": array_of(np.dtype("O")),
    "objects said to be none": array_of(POINTERS),
    "objects in a buffer": Made(FROM_BUFFER, (ADDRESS, POINTERS, (1,), "C")),
    "an object as a scalar": Made(SCALAR, (POINTERS, ADDRESS)),
    "objects in a field": array_of(HIDDEN),
    "a field outside": array_of(OUTSIDE),
    "a field before": array_of(NEGATIVE),
    "parts larger than the whole": array_of(LARGER),
    "fewer objects than there is room": array_of(np.dtype("O"), [1], (9,)),
    "fewer bytes than there is room": array_of(np.dtype("f8"), ADDRESS, (1000,)),
    "a negative size": array_of(np.dtype("f8"), ADDRESS, (-1, -1)),
    "a size that runs over": array_of(np.dtype("f8"), b"", (1 << 62, 4)),
    "a dtype that was never filled": array_of(Made(np.dtype, ("f8", False, True))),
    "a word that is no dtype": array_of(forged("f8,O", *PLAIN)),
}


@pytest.mark.parametrize("value", FORGED.values(), ids=FORGED)
def test_what_numpy_would_believe_is_refused(value: object) -> None:
    with pytest.raises(UntrustedReturnError):
        read(value)


def test_a_text_is_as_long_as_its_dtype_says_whatever_the_state_says() -> None:
    with pytest.raises(UntrustedReturnError):
        read(array_of(SMALLER, b"a\0\0\0" * 1000))

    assert read(array_of(SMALLER, b"a\0\0\0" * 4)).tolist() == ["aaaa"]


def made_and_then(value: object, operations: bytes) -> bytes:
    """The pickle of a value with more operations on it at its end."""
    data = pickle.dumps(value, 4)
    frame = 11  # bytes of the protocol and of the length of its only frame
    assert data[2:3] == pickle.FRAME
    return data[:2] + data[frame:-1] + operations + pickle.STOP


@pytest.mark.parametrize("value", [np.zeros(3), np.dtype("f8"), pd.Series([1, 2])])
def test_what_is_made_is_not_changed_afterwards(value: object) -> None:
    with pytest.raises(UntrustedReturnError, match="changes what it made"):
        unpickle.read(made_and_then(value, b"Nb"), host="gpu01")  # BUILD with None


def test_an_item_of_an_array_cannot_be_set() -> None:
    """Categories are looked at when they come; what they are in must stay as it was."""
    with pytest.raises(UntrustedReturnError, match="changes a ndarray"):
        unpickle.read(made_and_then(np.zeros(3), b"K\x00K\x05s"), host="gpu01")  # [0] = 5


# --- pandas ----------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "i": [1, 2, 3],
        "f": [1.0, 2.0, np.nan],
        "s": ["a", "b", None],
        "b": [True, False, True],
        "t": pd.date_range("2026", periods=3),
        "z": pd.date_range("2026", periods=3, tz="Europe/Berlin"),
        "c": pd.Categorical(["x", "y", "x"]),
        "d": pd.to_timedelta([1, 2, 3], "s"),
        "n": pd.array([1, None, 3], dtype="Int64"),
    }
)
FRAMES = {
    "of everything": TABLE,
    "of numbers": TABLE[["i", "f"]],
    "empty": pd.DataFrame(),
    "described": TABLE[["i", "f"]].describe(),
    "turned": TABLE[["i", "f"]].T,
    "grouped": TABLE.groupby("b")[["i", "f"]].sum(),
    "of many columns": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])
    ),
}
SERIES = {name: TABLE[name] for name in TABLE} | {
    "counted": TABLE["c"].value_counts(),
    "cut": pd.Series(pd.cut([1, 2, 3], 2)),
    "of lists": pd.Series([[1], [2, 3]]),
}
INDEXES = {
    "numbers": pd.Index([1, 2]),
    "texts": pd.Index(["a", "b"]),
    "a range": pd.RangeIndex(3),
    "of two levels": pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
    "times": pd.DatetimeIndex(["2026-01-01", "2026-01-05"]),
    "days": pd.date_range("2026", periods=3, freq="D"),
    "hours there": pd.date_range("2026", periods=3, tz="Europe/Berlin", freq="h"),
    "spans": pd.to_timedelta([1, 2], "s"),
    "months": pd.period_range("2026", periods=2, freq="M"),
    "intervals": pd.interval_range(0, 3),
    "categories": pd.CategoricalIndex(["a", "b"]),
}
SCALARS = {
    "a time": pd.Timestamp("2026-01-01"),
    "a time there": pd.Timestamp("2026-01-01", tz="Europe/Berlin"),
    "a span": pd.Timedelta("3s"),
    "a month": pd.Period("2026-01", "M"),
    "an interval": pd.Interval(1, 2),
    "an offset": pd.offsets.Day(2),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_comes_back_as_it_was(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(read(frame), frame)


@pytest.mark.parametrize("series", SERIES.values(), ids=SERIES)
def test_a_series_comes_back_as_it_was(series: pd.Series) -> None:
    pd.testing.assert_series_equal(read(series), series)


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_an_index_comes_back_as_it_was(index: pd.Index) -> None:
    pd.testing.assert_index_equal(read(index), index, exact=True)


@pytest.mark.parametrize("value", SCALARS.values(), ids=SCALARS)
def test_a_value_of_pandas_comes_back_as_it_was(value: object) -> None:
    assert read(value) == value
    assert read([pd.NaT, pd.NA])[1] is pd.NA


def test_a_frame_with_something_else_in_it_is_refused_by_its_name() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame["b"] = [collections.UserDict()]

    with pytest.raises(UntrustedReturnError, match=r"UserDict.*trust_returns"):
        read(frame)


def frame_at(row: object, height: int = 1) -> Made:
    manager = TABLE[["i"]]._mgr.__reduce__()[0]
    block = Made(pd._libs.internals._unpickle_block, (np.ones((height, 2)), row, 2))
    return Made(manager, ((block,), [pd.Index(["i"]), pd.RangeIndex(2)]))


def categories(code: int) -> pd.Categorical:
    sound = pd.Categorical(["a", "b"])
    return sound._simple_new(np.array([0, code], "i1"), sound.dtype)


@pytest.mark.parametrize(
    "value",
    [
        frame_at(slice(10**7, 10**7 + 1)),
        frame_at(np.array([10**9])),
        frame_at(np.array([-5])),
        frame_at(slice(0, 1), 0),
        frame_at(slice(0, 1), 5),
        categories(100),
        categories(-2),
        Made(pd.DataFrame, ({"a": [1]},)),
        Made(pd.MultiIndex, ([["a"], ["b"]], [[100], [100]], None, None, None, False, None, False)),
        Made(
            pd.MultiIndex.from_product([[1], [2]]).__reduce__()[0],
            (
                pd.MultiIndex,
                {"levels": [["a"]], "codes": [[100]], "verify_integrity": False},
            ),
        ),
    ],
)
def test_what_pandas_would_believe_is_refused(value: object) -> None:
    with pytest.raises(UntrustedReturnError):
        read(value)


LEVELS = ([["a"], ["b"]], [[100], [100]], None, None, None, None, False, None, False)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04cpandas\nMultiIndex\n" + pickle.dumps(LEVELS, 2)[2:-1] + operation + b"."
        for operation in (pickle.REDUCE, pickle.NEWOBJ, b"}" + pickle.NEWOBJ_EX)
    ]
    + [b"(cpandas\nMultiIndex\n]]]NNNN\x89N\x89o.", b"(]]]NNNN\x89N\x89ipandas\nMultiIndex\n."],
    ids=["called", "made", "made with names", "made as of old", "made as of older"],
)
def test_no_way_of_a_pickle_leads_around_the_checks_of_an_index(data: bytes) -> None:
    with pytest.raises(UntrustedReturnError, match="a MultiIndex that is called"):
        unpickle.read(data, host="gpu01")


# --- over a host -----------------------------------------------------------------------------


@pytest.mark.sshd
async def test_arrays_and_frames_come_back_from_a_host(farm: SSHFarm) -> None:
    farm.add("node01")

    def measured(count: int) -> tuple[Any, ...]:
        data = np.arange(float(count)).reshape(-1, 4)
        return data, data[:, 1].mean(), pd.DataFrame(data[:3], columns=list("abcd"))

    settings = replace(QUICK, hosts={"node01": {"python": sys.executable}})  # which has both
    async with engine_on(farm, settings=settings) as engine:
        run = await call(engine, measured, count=400_000)  # 3 MB, so not in one frame
        ((array, mean, frame),) = await returned(run)

    assert run.record.state is RunState.SUCCEEDED
    assert array.shape == (100_000, 4)
    assert array[-1, -1] == 399_999.0
    assert mean == array[:, 1].mean()
    assert list(frame.columns) == ["a", "b", "c", "d"]
