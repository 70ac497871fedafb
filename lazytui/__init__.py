"""lazytui: control a cluster of SSH hosts from the terminal, or from Python.

The names below are the blocking API; :mod:`lazytui.core` has the same as coroutines. They are
imported when they are asked for first, so that ``import lazytui`` takes no time.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes some milliseconds to import
if TYPE_CHECKING:
    from typing import Any

    from lazytui.blocking.calls import close as close
    from lazytui.blocking.clusters import DaskCluster as DaskCluster
    from lazytui.blocking.clusters import HyperoptCluster as HyperoptCluster
    from lazytui.blocking.clusters import MasterWorkerCluster as MasterWorkerCluster
    from lazytui.blocking.clusters import RuntimeCluster as RuntimeCluster
    from lazytui.blocking.group import RuntimeGroup as RuntimeGroup
    from lazytui.blocking.manager import RuntimeManager as RuntimeManager
    from lazytui.blocking.runtime import Runtime as Runtime
    from lazytui.blocking.task import RuntimeTask as RuntimeTask
    from lazytui.errors import ExposureError as ExposureError
    from lazytui.errors import FunctionSendError as FunctionSendError
    from lazytui.errors import HostKeyError as HostKeyError
    from lazytui.errors import InvalidRuntimeError as InvalidRuntimeError
    from lazytui.errors import LazytuiError as LazytuiError
    from lazytui.errors import MasterStartError as MasterStartError
    from lazytui.errors import NoPortsLeftError as NoPortsLeftError
    from lazytui.errors import NoRuntimeDetectedError as NoRuntimeDetectedError
    from lazytui.errors import NoRuntimesDetectedError as NoRuntimesDetectedError
    from lazytui.errors import NoRuntimesError as NoRuntimesError
    from lazytui.errors import PathCreationError as PathCreationError
    from lazytui.errors import PortInUseError as PortInUseError
    from lazytui.errors import PythonMismatchError as PythonMismatchError
    from lazytui.errors import TaskExecutionError as TaskExecutionError
    from lazytui.errors import UntrustedReturnError as UntrustedReturnError

__version__ = "0.1.0"

_PLACES = {
    **dict.fromkeys(
        ("DaskCluster", "HyperoptCluster", "MasterWorkerCluster", "RuntimeCluster"),
        "lazytui.blocking.clusters",
    ),
    "Runtime": "lazytui.blocking.runtime",
    "RuntimeGroup": "lazytui.blocking.group",
    "RuntimeManager": "lazytui.blocking.manager",
    "RuntimeTask": "lazytui.blocking.task",
    "close": "lazytui.blocking.calls",
    **dict.fromkeys(
        (
            "ExposureError",
            "FunctionSendError",
            "HostKeyError",
            "InvalidRuntimeError",
            "LazytuiError",
            "MasterStartError",
            "NoPortsLeftError",
            "NoRuntimeDetectedError",
            "NoRuntimesDetectedError",
            "NoRuntimesError",
            "PathCreationError",
            "PortInUseError",
            "PythonMismatchError",
            "TaskExecutionError",
            "UntrustedReturnError",
        ),
        "lazytui.errors",
    ),
}

__all__ = ["__version__", *_PLACES]  # noqa: PLE0604 - all of them are names


def __getattr__(name: str) -> Any:
    """Import a name of the public face when it is asked for first."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(place), name)
    return found


def __dir__() -> list[str]:
    """List the names of the public face."""
    return sorted({*globals(), *__all__})
