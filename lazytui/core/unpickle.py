"""The one place where the manager reads pickles: plain data only, unless a host is trusted.

A pickle is a program. This one may build values of the types named here, and call nothing else.
A host is trusted in the config: ``trust_returns = true`` in its section of ``[hosts]``.
"""

from __future__ import annotations

import collections
import functools
import importlib
import io
import pickle
from typing import Any

from lazytui.core import dataframes
from lazytui.core.arrays import Arrays, OddPickleError
from lazytui.errors import UntrustedReturnError

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE

_NUMPY_CORE = {
    "multiarray": "_reconstruct scalar",
    "numeric": "_frombuffer",
}
_PLAIN: dict[str, str] = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice"
    " str tuple NotImplemented Ellipsis"
    " ArithmeticError AssertionError AttributeError EOFError Exception FileExistsError"
    " FileNotFoundError FloatingPointError ImportError IndexError KeyError LookupError MemoryError"
    " ModuleNotFoundError NotImplementedError OSError OverflowError PermissionError RecursionError"
    " RuntimeError StopIteration TimeoutError TypeError UnicodeDecodeError UnicodeEncodeError"
    " ValueError ZeroDivisionError",
    "collections": "ChainMap Counter OrderedDict defaultdict deque",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "ipaddress": "IPv4Address IPv4Network IPv6Address IPv6Network",
    "pathlib": "PosixPath PurePath PurePosixPath PureWindowsPath",
    "pytz": "_UTC _p",  # time zones of pandas 2
    "types": "SimpleNamespace",
    "uuid": "SafeUUID UUID",
    "zoneinfo": "ZoneInfo",
    "numpy": "dtype memmap ndarray",
    **{f"numpy.core.{name}": words for name, words in _NUMPY_CORE.items()},
    **{f"numpy._core.{name}": words for name, words in _NUMPY_CORE.items()},
    # Where pandas 3 says a class is; below, where earlier versions do.
    "pandas": "BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DatetimeIndex"
    " DatetimeTZDtype Float32Dtype Float64Dtype Index Int16Dtype Int32Dtype Int64Dtype Int8Dtype"
    " Interval IntervalDtype IntervalIndex MultiIndex NA Period PeriodDtype PeriodIndex RangeIndex"
    " Series StringDtype TimedeltaIndex UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype",
    "pandas.arrays": "BooleanArray DatetimeArray FloatingArray IntegerArray IntervalArray"
    " PeriodArray StringArray TimedeltaArray",
    "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
    "pandas._libs.internals": "_unpickle_block",
    "pandas._libs.interval": "Interval",
    "pandas._libs.missing": "NA",
    "pandas._libs.tslibs.nattype": "__nat_unpickle _nat_unpickle",
    "pandas._libs.tslibs.offsets": "BusinessDay Day Hour Micro Milli Minute MonthBegin MonthEnd"
    " Nano QuarterBegin QuarterEnd Second Week YearBegin YearEnd",
    "pandas._libs.tslibs.period": "Period",
    "pandas._libs.tslibs.timedeltas": "_timedelta_unpickle",
    "pandas._libs.tslibs.timestamps": "_unpickle_timestamp",
    "pandas.core.arrays.boolean": "BooleanArray BooleanDtype",
    "pandas.core.arrays.categorical": "Categorical",
    "pandas.core.arrays.datetimes": "DatetimeArray",
    "pandas.core.arrays.floating": "Float32Dtype Float64Dtype FloatingArray",
    "pandas.core.arrays.integer": "Int16Dtype Int32Dtype Int64Dtype Int8Dtype IntegerArray"
    " UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype",
    "pandas.core.arrays.interval": "IntervalArray",
    "pandas.core.arrays.period": "PeriodArray",
    "pandas.core.arrays.string_": "StringArray StringDtype",
    "pandas.core.arrays.timedeltas": "TimedeltaArray",
    "pandas.core.dtypes.dtypes": "CategoricalDtype DatetimeTZDtype IntervalDtype PeriodDtype",
    "pandas.core.frame": "DataFrame",
    "pandas.core.indexes.base": "Index _new_Index",
    "pandas.core.indexes.category": "CategoricalIndex",
    "pandas.core.indexes.datetimes": "DatetimeIndex _new_DatetimeIndex",
    "pandas.core.indexes.interval": "IntervalIndex _new_IntervalIndex",
    "pandas.core.indexes.multi": "MultiIndex",
    "pandas.core.indexes.period": "PeriodIndex _new_PeriodIndex",
    "pandas.core.indexes.range": "RangeIndex",
    "pandas.core.indexes.timedeltas": "TimedeltaIndex _new_TimedeltaIndex",
    "pandas.core.internals.managers": "BlockManager SingleBlockManager",
    "pandas.core.series": "Series",
}
_ALLOWED = {f"{module}.{name}" for module, names in _PLAIN.items() for name in names.split()}


class _ChangeableError(Exception):
    """Something came up that has to be watched: a class that a pickle could change, an array."""


def read(data: bytes | memoryview, *, host: str, trusted: bool = False) -> Any:
    """Give the value of a pickle that came from a host.

    Args:
        data: the pickle.
        host: where it came from, for messages.
        trusted: read anything; it can then run code here.

    Raises:
        UntrustedReturnError: it holds more than plain data, or is damaged.
    """
    if trusted:
        return _load(pickle.Unpickler(io.BytesIO(data)), host)  # noqa: S301
    try:
        return _load(_Quick(data, host), host)
    except _ChangeableError:
        return _load(_Watchful(data, host), host)


def _load(unpickler: Any, host: str) -> Any:
    try:
        return unpickler.load()
    except (UntrustedReturnError, _ChangeableError):
        raise
    except OddPickleError as error:
        raise UntrustedReturnError(_refusal(str(error), host)) from error
    except Exception as error:
        text = f"what {host} returned cannot be read: {type(error).__name__}: {error}"
        raise UntrustedReturnError(text) from error


def _refusal(what: str, host: str) -> str:
    return (
        f"{host} returned {what}, which is more than plain data and could run code here: return"
        f" numbers, texts, lists or arrays, or trust the host with trust_returns = true in"
        f' [hosts."{host}"] of the config'
    )


def _find(module: str, name: str, host: str) -> Any:
    """Give what a pickle names, if it is allowed.

    Raises:
        UntrustedReturnError: it is not, or the manager does not have it.
    """
    if (module, name) == ("builtins", "getattr"):
        return functools.partial(_zone_maker, host)
    if f"{module}.{name}" not in _ALLOWED:
        raise UntrustedReturnError(_refusal(f"a {module}.{name}", host))
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        text = f"{host} returned a {module}.{name}, which this machine does not have: {error}"
        raise UntrustedReturnError(text) from error
    return found


def _zone_maker(host: str, owner: Any, name: str) -> Any:
    """Stand in for ``getattr``, which pickles of time zones ask for the one thing given here.

    Raises:
        UntrustedReturnError: it is asked for something else.
    """
    import zoneinfo

    if owner is zoneinfo.ZoneInfo and name == "_unpickle":
        return getattr(owner, name)
    raise UntrustedReturnError(f"{host} returned a pickle that looks into {owner!r}")


class _Quick(pickle.Unpickler):
    """In C; for values whose types no pickle can change."""

    def __init__(self, data: bytes | memoryview, host: str) -> None:
        super().__init__(io.BytesIO(data))
        self._host = host

    def find_class(self, module: str, name: str) -> Any:
        found = _find(module, name, self._host)
        if not _is_fixed(found) or module.startswith(("numpy", "pandas")):
            raise _ChangeableError(name)
        return found


# The unpickler in Python is not in typeshed, as its name is private; it is documented nowhere else.
_PYTHON_UNPICKLER: Any = vars(pickle)["_Unpickler"]


class _Watchful(_PYTHON_UNPICKLER):  # type: ignore[misc]
    """In Python, ten times slower; sees to it that no class and no function gets new attributes.

    The opcode BUILD sets attributes of whatever is on the stack, also of a class that was just
    looked up: ``Fraction.__add__`` would from then on be what the pickle says, for all of us.
    Arrays are made by :class:`~lazytui.core.arrays.Arrays`, not by numpy; what pandas is given is
    looked at in :mod:`~lazytui.core.dataframes`.
    """

    def __init__(self, data: bytes | memoryview, host: str) -> None:
        super().__init__(io.BytesIO(data))
        self._host = host
        self._arrays: Arrays | None = None
        self._filled: dict[int, Any] = {}  # kept, so that no other gets their id

    def find_class(self, module: str, name: str) -> Any:
        found = _find(module, name, self._host)
        if module.startswith("numpy"):
            self._arrays = self._arrays or Arrays()
            return self._arrays.find(module, name)
        return dataframes.find(module, name, found)

    def _reduce(self) -> None:
        dataframes.check_call(self.stack[-2])
        _PYTHON_UNPICKLER.load_reduce(self)

    def _new(self) -> None:
        if self.stack[-1]:
            dataframes.check_call(self.stack[-2])
        _PYTHON_UNPICKLER.load_newobj(self)

    def _new_with_names(self) -> None:
        dataframes.check_call(self.stack[-3])
        _PYTHON_UNPICKLER.load_newobj_ex(self)

    def _instantiate(self, kind: Any, args: Any) -> None:
        dataframes.check_call(kind)
        super()._instantiate(kind, args)

    def _build(self) -> None:
        target = self.stack[-2]
        if isinstance(target, type) or callable(target):
            raise UntrustedReturnError(f"{self._host} returned a pickle that changes {target!r}")
        if id(target) in self._filled:
            raise UntrustedReturnError(f"{self._host} returned a pickle that changes what it made")
        self._filled[id(target)] = target
        if self._arrays is not None and self._arrays.fill(target, self.stack[-1]):
            self.stack.pop()
            return
        dataframes.check_filling(target)
        _PYTHON_UNPICKLER.load_build(self)
        dataframes.check_filled(target)

    def _set_item(self) -> None:
        self._only_in(self.stack[-3], dict)
        _PYTHON_UNPICKLER.load_setitem(self)

    def _set_items(self) -> None:
        self._only_in(self.metastack[-1][-1], dict)
        _PYTHON_UNPICKLER.load_setitems(self)

    def _append(self) -> None:
        self._only_in(self.stack[-2], (list, collections.deque))
        _PYTHON_UNPICKLER.load_append(self)

    def _append_all(self) -> None:
        self._only_in(self.metastack[-1][-1], (list, collections.deque))
        _PYTHON_UNPICKLER.load_appends(self)

    def _only_in(self, target: Any, kinds: Any) -> None:
        if not isinstance(target, kinds):
            kind = type(target).__name__
            raise UntrustedReturnError(f"{self._host} returned a pickle that changes a {kind}")

    dispatch = {  # noqa: RUF012
        **_PYTHON_UNPICKLER.dispatch,
        pickle.REDUCE[0]: _reduce,
        pickle.NEWOBJ[0]: _new,
        pickle.NEWOBJ_EX[0]: _new_with_names,
        pickle.BUILD[0]: _build,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.APPEND[0]: _append,
        pickle.APPENDS[0]: _append_all,
    }


def _is_fixed(found: Any) -> bool:
    """Whether nothing about an object can be changed: constants, types and functions in C."""
    if isinstance(found, type):
        return not found.__flags__ & _HEAP_TYPE or bool(found.__flags__ & _IMMUTABLE_TYPE)
    return not hasattr(found, "__dict__")
