"""Looks whether the definition of a cluster can be meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lazytui.core.cluster_model import ClusterKind
from lazytui.core.where import parse_where
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.core.cluster_model import ClusterSpec
    from lazytui.core.engine import Engine

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,59}", re.ASCII)
_DBNAME = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)
MOST_WORKERS = 10_000


async def check_spec(spec: ClusterSpec, engine: Engine) -> None:
    """Look whether a definition can be meant; it connects to nothing.

    Raises:
        UsageError: not; it says why.
    """
    if not _NAME.fullmatch(spec.name):
        raise UsageError(
            "a cluster's name begins with a letter and has letters, digits, . _ and -: "
            f"not {sanitize(spec.name, max_chars=80)!r}"
        )
    if spec.workers is not None and not 1 <= spec.workers <= MOST_WORKERS:
        raise UsageError(f"a cluster needs at least one worker, not {spec.workers}")
    if spec.master_port is not None and not 1 <= spec.master_port <= 65535:
        raise UsageError(f"a port is a number from 1 to 65535, not {spec.master_port}")
    if spec.kind is ClusterKind.HYPEROPT:
        _check_hyperopt(spec)
    elif spec.master and spec.master not in engine.runtimes:
        raise UsageError(f"{sanitize(spec.master)!r} is no host of the ssh config")
    where = parse_where(spec.where, bare_words="exact")
    where.select(list(engine.runtimes.values()), await engine.groups())


def _check_hyperopt(spec: ClusterSpec) -> None:
    if spec.master:
        raise UsageError("the database of Hyperopt is always on this machine: give no master")
    if not _DBNAME.fullmatch(spec.dbname):
        raise UsageError(
            "a database's name has letters, digits, _ and -: "
            f"not {sanitize(spec.dbname, max_chars=80)!r}"
        )
    if not spec.poll_interval > 0:
        raise UsageError(f"a poll interval is more than 0 seconds, not {spec.poll_interval}")
