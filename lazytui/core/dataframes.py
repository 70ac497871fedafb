"""What a pickle from a host may do with pandas, and what is checked of what it has made.

pandas believes its own pickles: a frame is a number of blocks and the rows at which they are, and
a row that does not exist is written to all the same, outside of the memory of the array; so are
categories that do not exist. So that is looked at here, and nothing changes afterwards: each
object is filled once, and only those that pandas itself fills.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lazytui.core.arrays import OddPickleError

if TYPE_CHECKING:
    from collections.abc import Callable

_FILLED = frozenset(
    {
        *("BooleanArray", "Categorical", "DataFrame", "DatetimeArray", "FloatingArray"),
        *("IntegerArray", "IntervalArray", "PeriodArray", "Series", "SingleBlockManager"),
        *("StringArray", "TimedeltaArray"),
    }
)
_CALLED = frozenset(
    {"DatetimeTZDtype", "Interval", "IntervalDtype", "Period", "PeriodDtype", "StringDtype"}
)
_OFFSETS = "pandas._libs.tslibs.offsets"


def find(module: str, name: str, found: Any) -> Any:
    """Give what a name of a pickle stands for: what was found, or what is called in its place."""
    if not module.startswith("pandas."):
        return found
    if name.startswith("_new_"):
        return functools.partial(_index, found)
    standing: dict[str, Callable[..., Any]] = {
        "BlockManager": _manager,
        "__pyx_unpickle_NDArrayBacked": _backed,
    }
    return standing.get(name, found)


def check_call(function: Any) -> None:
    """See that what is called is no class of pandas that its pickles never call.

    Raises:
        OddPickleError: it is.
    """
    if not isinstance(function, type) or not function.__module__.startswith("pandas"):
        return
    if function.__name__ not in _CALLED and function.__module__ != _OFFSETS:
        raise OddPickleError(f"a {function.__name__} that is called")


def check_filling(target: Any) -> None:
    """See that an object of pandas is one that its pickles fill.

    Raises:
        OddPickleError: it is not.
    """
    kind = type(target)
    if not kind.__module__.startswith("pandas") or kind.__module__ == _OFFSETS:
        return
    if kind.__name__ not in _FILLED and not kind.__name__.endswith("Dtype"):
        raise OddPickleError(f"a {kind.__name__} that is changed")


def check_filled(target: Any) -> None:
    """See that what an object of pandas was filled with goes together.

    Raises:
        OddPickleError: it does not.
    """
    kind = type(target)
    if not kind.__module__.startswith("pandas"):
        return
    if kind.__name__ == "Categorical":
        codes = target.codes
        if codes.size and not (codes.min() >= -1 and codes.max() < len(target.categories)):
            raise OddPickleError("categories that do not exist")
    elif kind.__name__ == "SingleBlockManager":
        _check_rows(target.blocks, len(target.axes[0]), 1)
        if len(target.blocks) != 1 or len(target.blocks[0].values) != len(target.axes[0]):
            raise OddPickleError("a series that is not as long as its index")
    elif hasattr(target, "_mask") and target._mask.shape != target._data.shape:
        raise OddPickleError("an array that is not as long as its mask")


def _manager(blocks: Any, axes: Any) -> Any:
    from pandas.core.internals.managers import BlockManager

    first, *_others = axes
    _check_rows(blocks, len(first), 2)
    return BlockManager(tuple(blocks), list(axes), verify_integrity=True)


def _check_rows(blocks: Any, count: int, dimensions: int) -> None:
    from pandas.core.internals.blocks import Block

    if not all(isinstance(block, Block) and block.ndim == dimensions for block in blocks):
        raise OddPickleError("a frame that is not made of blocks")
    if any(block.shape[0] != len(block.mgr_locs) for block in blocks if dimensions > 1):
        raise OddPickleError("a frame whose blocks are not as high as said")
    rows = [int(row) for block in blocks for row in block.mgr_locs.as_array]
    whole = range(count) if dimensions > 1 else rows
    if sorted(rows) != list(whole) or any(not 0 <= row < max(1, count) for row in rows):
        raise OddPickleError("a frame with rows that do not exist")


def _index(make: Callable[..., Any], kind: Any, state: Any) -> Any:
    from pandas import Index

    if not (isinstance(kind, type) and issubclass(kind, Index)) or "verify_integrity" in state:
        raise OddPickleError("an index of no kind")
    return make(kind, state)


def _backed(kind: Any, checksum: Any, state: Any) -> Any:
    from pandas._libs.arrays import NDArrayBacked, __pyx_unpickle_NDArrayBacked

    if state is not None or not (isinstance(kind, type) and issubclass(kind, NDArrayBacked)):
        raise OddPickleError("an array that is filled when it is made")
    return __pyx_unpickle_NDArrayBacked(kind, checksum, None)
