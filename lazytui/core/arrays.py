"""Builds numpy's arrays out of a pickle from a host, and checks what numpy itself believes.

numpy takes the state of a pickle as it comes: an array of objects over bytes is a row of pointers
of the sender's choice, and so is one whose dtype was changed when it was made already. So dtypes
are copies, filled once, and arrays are filled once, by a dtype that is complete, with as many
bytes as it needs. Objects come as a list, whose members the unpickler has made, or not at all.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_WORD = re.compile(r"[biufcSUVMmO][0-9]{0,9}|\?")
_UNITS = frozenset(b"Y M W D h m s ms us ns ps fs as generic".split())
_ORDERS = frozenset("<>|=")
_HARMLESS = 8 | 16 | 128  # flags: to be cleared when made, with the interpreter, aligned
_MOST = 1 << 31


class OddPickleError(ValueError):
    """What is named came in a pickle, and numpy and pandas never make one with it."""


class Arrays:
    """Makes the arrays and dtypes of one pickle.

    Raises:
        ImportError: numpy is not installed.
    """

    def __init__(self) -> None:
        import numpy as np

        self._numpy = np
        self._empty: dict[int, Any] = {}  # made, and not filled yet
        self._dtypes: dict[int, Any] = {}  # filled; kept, so that no other gets their id
        self._array = object()  # stands for the class, which nobody may call

    def find(self, module: str, name: str) -> Any:
        """Give what stands for a name of numpy's in a pickle; None where that is of no use."""
        makers: dict[tuple[str, str], Callable[..., Any] | object] = {
            ("numpy", "dtype"): self._dtype,
            ("numpy", "ndarray"): self._array,
            ("numpy", "memmap"): self._array,  # the file is on the host, what was in it is here
            ("core.multiarray", "_reconstruct"): self._reconstruct,
            ("core.multiarray", "scalar"): self._scalar,
            ("core.numeric", "_frombuffer"): self._frombuffer,
        }
        return makers.get((module.removeprefix("numpy.").removeprefix("_"), name))

    def fill(self, target: Any, state: Any) -> bool:
        """Give a dtype or an array its state; False for anything else.

        Raises:
            OddPickleError: numpy would never have said so.
        """
        if isinstance(target, self._numpy.dtype):
            self._take(target)
            self._fill_dtype(target, state)
            self._dtypes[id(target)] = target
            return True
        if isinstance(target, self._numpy.ndarray):
            self._take(target)
            self._fill_array(target, state)
            return True
        if isinstance(target, self._numpy.generic):
            raise OddPickleError("a scalar that is changed")
        return False

    # --- made empty

    def _dtype(self, word: Any, *_how: Any) -> Any:
        if not isinstance(word, str) or not _WORD.fullmatch(word):
            raise OddPickleError(f"no dtype: {word!r:.100}")
        return self._put(self._numpy.dtype(word, False, True))  # a copy, never numpy's own

    def _reconstruct(self, kind: Any, shape: Any, _letter: Any) -> Any:
        if kind is not self._array or shape != (0,):
            raise OddPickleError("an array of another kind")
        return self._put(self._numpy.empty(0, "b"))

    def _put(self, made: Any) -> Any:
        self._empty[id(made)] = made
        return made

    def _take(self, target: Any) -> None:
        if self._empty.pop(id(target), None) is None:
            raise OddPickleError("a dtype or an array that is changed when it was made")

    # --- filled

    def _fill_dtype(self, dtype: Any, state: Any) -> None:
        version, order, sub, names, fields, size, alignment, flags, *more = state
        if order not in _ORDERS or version not in (3, 4):
            raise OddPickleError("a dtype of another version")
        if names is None and fields is None and sub is None:
            extended = dtype.kind in "SUV"
            sizes = (dtype.itemsize, dtype.alignment) if extended else (-1, -1)
            plain: tuple[Any, ...] = (3, order, None, None, None, *sizes, dtype.flags)
            if dtype.kind in "Mm":
                plain = (4, *plain[1:], ({}, self._unit(*more)))
            dtype.__setstate__(plain)
            return
        whole = size == dtype.itemsize and alignment in (1, 2, 4, 8, 16)
        if flags & ~_HARMLESS:
            raise OddPickleError("an array with objects in its fields")
        if dtype.kind != "V" or not whole:
            raise OddPickleError("a dtype of parts that is not as large as they are")
        if sub is not None:
            base, shape = sub
            if names is not None or self._size(shape, self._known(base)) != size:
                raise OddPickleError("a dtype of parts that do not fit")
        else:
            self._check_fields(names, fields, size)
        dtype.__setstate__((3, order, sub, names, fields, size, alignment, flags))

    def _check_fields(self, names: Any, fields: Any, size: int) -> None:
        if type(names) is not tuple or type(fields) is not dict:
            raise OddPickleError("a dtype without names")
        titles = {field[2] for field in fields.values() if len(field) == 3}
        if set(fields) - titles - set(names) or not all(type(name) is str for name in fields):
            raise OddPickleError("a dtype whose names are not those of its fields")
        for part, offset, *_title in [fields[name] for name in (*names, *fields)]:
            end = _number(offset) + int(self._known(part).itemsize)
            if end > size:
                raise OddPickleError("a dtype with a field outside of it")

    def _unit(self, *more: Any) -> tuple[Any, ...]:
        ((_, (unit, *numbers)),) = more
        if unit not in _UNITS or len(numbers) != 3:
            raise OddPickleError("a time in no unit")
        return (unit, *map(_number, numbers))

    def _known(self, dtype: Any, *, objects: bool = False) -> Any:
        known = self._dtypes.get(id(dtype))
        if known is None or known is not dtype or (known.hasobject and not objects):
            raise OddPickleError("bytes that are no data")
        return dtype

    def _size(self, shape: Any, dtype: Any) -> int:
        if type(shape) is not tuple or len(shape) > 32:
            raise OddPickleError("an array without a shape")
        return math.prod(map(_number, shape)) * int(dtype.itemsize)

    def _fill_array(self, array: Any, state: Any) -> None:
        _version, shape, dtype, fortran, data = state
        self._known(dtype, objects=True)
        if dtype.kind == "O":
            fits = type(data) is list and len(data) == self._size(shape, self._numpy.dtype("b"))
        else:
            self._known(dtype)
            fits = isinstance(data, bytes | bytearray) and len(data) == self._size(shape, dtype)
        if not fits:
            raise OddPickleError("an array that is not as large as what is in it")
        array.__setstate__((1, shape, dtype, bool(fortran), data))

    # --- made whole

    def _scalar(self, dtype: Any, data: Any = b"") -> Any:
        if not isinstance(data, bytes) or len(data) != self._known(dtype).itemsize:
            raise OddPickleError("a scalar that is not as large as what is in it")
        array = self._numpy.ndarray((), dtype, data)
        return array[()]

    def _frombuffer(self, data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Any:
        fits = isinstance(data, bytes | bytearray)
        if not fits or len(data) != self._size(shape, self._known(dtype)):
            raise OddPickleError("an array that is not as large as what is in it")
        # As numpy does: one that came as bytes cannot be changed, one as a bytearray can.
        array = self._numpy.ndarray(shape, dtype, data, order="F" if order == "F" else "C")
        return array if axes is None else array.transpose(axes)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise OddPickleError(f"no size: {value!r:.100}")
    return value
