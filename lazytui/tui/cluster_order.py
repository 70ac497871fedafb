"""The fields of a cluster, and the definition they mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.core.cluster_model import MANAGER, ClusterKind, ClusterSpec
from lazytui.core.where import parse_where
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.where import Where
    from lazytui.tui.context import EngineView

HERE = ("", "here", "localhost")  # what means the manager in the field of the master
HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ClusterDraft:
    """What is in the fields.

    Args:
        kind: what runs there.
        name: given by the user.
        where: the hosts, as a WHERE.
        workers: how many; empty for one on each host.
        master: where the master is; empty for here.
        port: where it listens; empty for the usual one, or the next that is free.
        dbname: name of Hyperopt's database.
        dbpath: its folder; empty for a temporary one.
        begun: the definition that is changed: what has no field stays as it is there.
    """

    kind: ClusterKind = ClusterKind.DASK
    name: str = ""
    where: str = ""
    workers: str = ""
    master: str = ""
    port: str = ""
    dbname: str = "hyperopt"
    dbpath: str = ""
    begun: ClusterSpec | None = None


def draft_of(spec: ClusterSpec) -> ClusterDraft:
    """Give the fields that mean a definition there is: what :func:`order_of` reads back."""
    return ClusterDraft(
        spec.kind,
        spec.name,
        spec.where,
        "" if spec.workers is None else str(spec.workers),
        spec.master,
        "" if spec.master_port is None else str(spec.master_port),
        spec.dbname,
        spec.dbpath,
        spec,
    )


def cluster_hosts(draft: ClusterDraft, engine: EngineView) -> Sequence[str]:
    """Give the hosts that the fields mean now.

    Raises:
        UsageError: they cannot be read, or there is no such host or group.
    """
    if not draft.where.strip():
        raise UsageError("say which hosts: gpu[01-04], @group, gpu>=1")
    groups = {group.name: group.hosts for group in engine.groups_now()}
    return exact(draft.where).select(list(engine.runtimes.values()), groups)


def exact(where: str) -> Where:
    """Read a WHERE as the engine does: a bare word is a name.

    Raises:
        UsageError: it cannot be read.
    """
    return parse_where(where, bare_words="exact")


def order_of(draft: ClusterDraft, engine: EngineView) -> ClusterSpec:
    """Read the fields.

    Raises:
        UsageError: one of them cannot be read; the message says which and how.
    """
    if not draft.name.strip():
        raise UsageError("give it a name: a word, such as sweep")
    if not cluster_hosts(draft, engine):
        raise UsageError("no host matches")
    begun = draft.begun or ClusterSpec("", draft.kind, "")
    spec = replace(
        begun,
        name=draft.name.strip(),
        kind=draft.kind,
        where=draft.where.strip(),
        workers=_number(draft.workers, "workers", 1, 100_000),
        master_port=_number(draft.port, "the port", 1, HIGHEST_PORT),
        master=MANAGER,
    )
    if draft.kind is ClusterKind.DASK:
        return replace(spec, master=_master(draft.master.strip(), engine))
    return replace(
        spec, dbname=draft.dbname.strip() or "hyperopt", dbpath=_folder(draft.dbpath.strip())
    )


def _number(text: str, what: str, least: int, most: int) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:9]) <= most:
        raise UsageError(f"{what}: a number from {least} to {most}, not {text!r}")
    return int(text)


def _folder(text: str) -> str:
    if not text:
        return ""
    folder = Path(text).expanduser()
    if not folder.is_absolute():
        raise UsageError(f"the folder: from the root or the home, /… or ~/…, not {text!r}")
    return str(folder)


def _master(text: str, engine: EngineView) -> str:
    if text.lower() in HERE:
        return MANAGER
    if text not in engine.runtimes:
        raise UsageError(f"the scheduler: here, or a host of the ssh config, not {text!r}")
    return text
