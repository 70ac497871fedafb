"""Python functions as steps: made into bytes that another machine can call.

cloudpickle writes a function *by value*: its code, its closure and the globals it uses. So
functions of a script, a notebook or the user's own modules work on hosts that have none of these
files; what is installed here as a package is named only, and must be installed there.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import io
import pickle
import reprlib
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.core.step import FunctionSpec
from lazytui.errors import FunctionSendError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
TITLE_CHARS = 200
_PACKAGES = ("/site-packages/", "/dist-packages/")  # of other environments on the path

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 40


def pickled(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
) -> FunctionSpec:
    """Make a step of a function and its keyword arguments.

    Args:
        function: anything that can be called: also a lambda, a closure, a partial or a method.
        arguments: its keyword arguments.
        cwd: directory on the host; by default the working directory, or the user's home.
        env: environment variables on top of the login's.

    Raises:
        ValueError: it cannot be called.
        FunctionSendError: something about it cannot be sent; the message says what.
    """
    if not callable(function):
        raise ValueError(f"a function step needs a function, not {_short.repr(function)}")
    payload = _dump(function, dict(arguments))
    return FunctionSpec(
        title=_title(function, arguments),
        digest=hashlib.sha256(payload).hexdigest(),
        size=len(payload),
        python=PYTHON,
        cwd=cwd,
        env=env,
        payload=payload,
    )


def find(where: str) -> Callable[..., Any]:
    """Give the function that ``module:name`` or ``path/to/file.py:name`` means.

    Importing it runs the module, as importing does.

    Raises:
        UsageError: there is no such module or function.
    """
    source, _, name = where.rpartition(":")
    if not source or not name:
        raise UsageError(f"{where}: expected MODULE:FUNCTION or FILE.py:FUNCTION")
    module = _from_file(Path(source)) if source.endswith(".py") else _from_name(source)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise UsageError(f"{source} has no function {name}")
    return found  # type: ignore[no-any-return]


# -- making bytes


def _dump(function: Callable[..., Any], arguments: dict[str, Any]) -> bytes:
    own = dict(_own_modules(_Imported(sys.modules.items())))
    call = (function, arguments)
    try:
        with _by_value(own.values()):
            return _bytes(call)
    except Exception:  # noqa: S110  # whatever the user's classes raise when they are pickled
        pass  # a module that was named as a whole may hold what cannot be sent: leave it out
    root = str(getattr(_innermost(function), "__module__", "")).partition(".")[0]
    with _by_value([own[root]] if root in own else []):
        try:
            return _bytes(call)
        except Exception as error:
            raise _explained(function, arguments, error) from error


def _bytes(value: Any) -> bytes:
    import cloudpickle

    stream = io.BytesIO()
    cloudpickle.dump(value, stream, protocol=pickle.HIGHEST_PROTOCOL)
    return stream.getvalue()


@contextlib.contextmanager
def _by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    """Have modules of the user written by value: hosts have not got them."""
    import cloudpickle

    known = cloudpickle.list_registry_pickle_by_value()
    added = [module for module in modules if module.__name__ not in known]
    for module in added:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in added:
            cloudpickle.unregister_pickle_by_value(module)


class _Imported(tuple[tuple[str, "ModuleType"], ...]):
    """What is imported. Hashed by its length: there may be things among it that have no hash."""

    __slots__ = ()

    def __hash__(self) -> int:
        return len(self)


@functools.lru_cache(1)  # as long as nothing is imported: it takes longer than all the rest
def _own_modules(imported: _Imported) -> list[tuple[str, ModuleType]]:
    """List what was imported from outside the places where Python and packages are installed."""
    skipped = {"__main__", "__mp_main__", "lazytui"}
    found = []
    for name, module in imported:
        if "." in name or name in skipped:
            continue
        path = getattr(module, "__file__", None)
        path = path or next(iter(getattr(module, "__path__", ())), None)
        if isinstance(path, str) and not _is_installed(path):
            found.append((name, module))
    return found


def _is_installed(path: str) -> bool:
    """Whether a module lies where Python or packages are installed, not among the user's files."""
    return path.startswith(_places()) or any(word in path for word in _PACKAGES)


@functools.cache
def _places() -> tuple[str, ...]:
    places = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix}
    return tuple(f"{place}/" for place in places if place not in ("", "/usr"))


# -- saying what is wrong


def _explained(
    function: Callable[..., Any], arguments: Mapping[str, Any], error: Exception
) -> FunctionSendError:
    """Say which of the things that belong to a function cannot be sent."""
    name = _name(function)
    for what, value in _belongings(function, arguments):
        try:
            _bytes(value)
        except Exception as found:
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            kind = kind.removeprefix("builtins.")
            return FunctionSendError(f"{name} cannot be sent: {what}, a {kind}: {found}")
    return FunctionSendError(f"{name} cannot be sent: {error}")


def _belongings(
    function: Callable[..., Any], arguments: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Give what goes along with a function: arguments, defaults, closure, globals, its object."""
    for key, value in arguments.items():
        yield f"its argument {key}", value
    while isinstance(function, functools.partial):
        for number, value in enumerate(function.args):
            yield f"argument {number + 1} of the partial", value
        for key, value in function.keywords.items():
            yield f"argument {key} of the partial", value
        function = function.func
    if (owner := getattr(function, "__self__", None)) is not None:
        yield "the object it is a method of", owner
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return
    for number, value in enumerate(getattr(function, "__defaults__", None) or ()):
        yield f"default {number + 1} of its parameters", value
    cells = getattr(function, "__closure__", None) or ()
    for key, cell in zip(code.co_freevars, cells, strict=True):
        with contextlib.suppress(ValueError):  # not filled yet
            yield f"its variable {key}", cell.cell_contents
    names = getattr(function, "__globals__", {})
    for key in code.co_names:
        if key in names:
            yield f"the global {key} that it uses", names[key]


def _title(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """Give a call as people write it, on one line."""
    words = ", ".join(f"{key}={_short.repr(value)}" for key, value in arguments.items())
    return " ".join(f"{_name(function)}({words})".split())[:TITLE_CHARS]


def _name(function: Callable[..., Any]) -> str:
    function = _innermost(function)
    name: str = getattr(function, "__qualname__", None) or type(function).__qualname__
    return name.rpartition("<locals>.")[2]


def _innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, functools.partial):
        function = function.func
    return function


# -- finding functions


def _from_name(name: str) -> ModuleType:
    here = str(Path.cwd())
    sys.path.insert(0, here)  # as `python -m` has it
    try:
        return importlib.import_module(name)
    except Exception as error:
        text = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise UsageError(text) from error
    finally:
        sys.path.remove(here)


def _from_file(path: Path) -> ModuleType:
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # of a .py there always is one
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickles look there
    folder = str(path.absolute().parent)
    sys.path.insert(0, folder)  # as `python FILE.py` has it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise UsageError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    return module
