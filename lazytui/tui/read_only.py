"""The engine for a terminal that only looks on: what changes something is refused.

It is refused here, at what the screens may ask for, whatever led to it: a key, a click, the
palette, a saved command. Questions may be answered: who cannot log in cannot look on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    from lazytui.core.files import Folder
    from lazytui.tui.context import EngineView

TEXT = "read-only: started with --readonly"

ENGINE_CHANGES = frozenset(
    (
        "add_group",
        "add_query",
        "forget",
        "open_shell",
        "remove_group",
        "rename_group",
        "restart",
        "run_again",
        "run_command",
        "run_task",
        "stop_run",
        "stop_runs",
    )
)
FILES_CHANGES = frozenset(("remove", "rename", "replace"))
CLUSTERS_CHANGES = frozenset(("add", "change", "remove", "scale", "start", "stop"))
HOST_EDITS_CHANGES = frozenset(("write",))
EXPOSURES_CHANGES = frozenset(("add", "change", "remove", "restart", "set_auto", "start", "stop"))


class ReadOnlyError(LazytuiError):
    """Something would have been changed."""

    def __init__(self) -> None:
        super().__init__(TEXT)


async def _refuse(*_: Any, **__: Any) -> Any:
    raise ReadOnlyError


class _Looking:
    """Gives what another object has, but for what is refused.

    Args:
        whole: the other one.
        refused: names of its coroutines.
    """

    def __init__(self, whole: object, refused: frozenset[str]) -> None:
        self._whole = whole
        self._refused = refused

    def __getattr__(self, name: str) -> Any:
        return _refuse if name in self._refused else getattr(self._whole, name)


class _Files(_Looking):
    async def look(self, host: str | None, path: str, *, make: bool = False) -> Folder:
        if make:
            raise ReadOnlyError
        return cast("Folder", await self._whole.look(host, path))  # type: ignore[attr-defined]


class _Engine(_Looking):
    @property
    def files(self) -> _Files:
        return _Files(self._whole.files, FILES_CHANGES)  # type: ignore[attr-defined]

    @property
    def host_edits(self) -> _Looking:
        return _Looking(self._whole.host_edits, HOST_EDITS_CHANGES)  # type: ignore[attr-defined]

    @property
    def clusters(self) -> _Looking:
        return _Looking(self._whole.clusters, CLUSTERS_CHANGES)  # type: ignore[attr-defined]

    @property
    def exposures(self) -> _Looking:
        return _Looking(self._whole.exposures, EXPOSURES_CHANGES)  # type: ignore[attr-defined]


def looking_on(engine: EngineView) -> EngineView:
    """Give an engine of which nothing can be asked that changes something."""
    return cast("EngineView", _Engine(engine, ENGINE_CHANGES))
