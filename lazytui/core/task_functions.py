"""The functions that task files name, as steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lazytui.core.step import FunctionSpec


def function_step(name: str, kwargs: Mapping[str, Any], folder: Path) -> FunctionSpec:
    """Make the step that calls a function.

    Args:
        name: ``module:function`` or ``file.py:function``.
        kwargs: its keyword arguments.
        folder: what a file is relative to.

    Raises:
        UsageError: functions cannot be run from a file yet.
    """
    del kwargs, folder
    raise UsageError(f"{name}: functions are run from Python only: RuntimeTask().run_function")
