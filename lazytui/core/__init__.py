"""The core: an engine, and the library's nouns as coroutines.

A script begins with a :class:`Session`; the names below are imported when they are asked for
first. The page ``docs/coroutines.md`` shows how they are used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes some milliseconds to import
if TYPE_CHECKING:
    from typing import Any

    from lazytui.core.script.group import ScriptGroup as RuntimeGroup
    from lazytui.core.script.manager import ScriptManager as RuntimeManager
    from lazytui.core.script.runtime import ScriptRuntime as Runtime
    from lazytui.core.script.session import Session as Session
    from lazytui.core.script.task import ScriptTask as RuntimeTask

_PLACES = {
    "Runtime": ("lazytui.core.script.runtime", "ScriptRuntime"),
    "RuntimeGroup": ("lazytui.core.script.group", "ScriptGroup"),
    "RuntimeManager": ("lazytui.core.script.manager", "ScriptManager"),
    "RuntimeTask": ("lazytui.core.script.task", "ScriptTask"),
    "Session": ("lazytui.core.script.session", "Session"),
}

__all__ = ["Runtime", "RuntimeGroup", "RuntimeManager", "RuntimeTask", "Session"]


def __getattr__(name: str) -> Any:
    """Import a name of the public face when it is asked for first."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _PLACES[name]
    found = globals()[name] = getattr(import_module(module), attribute)
    return found
