"""The tables that the print methods print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lazytui.tables import Column, print_table, size_in_mb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_INFO = (
    Column("HOST"),
    Column("STATE"),
    Column("OS"),
    Column("PYTHON"),
    Column("CORES", is_number=True),
    Column("MEMORY", is_number=True),
    Column("GPUS"),
)
_HOSTS = (Column("HOST"), Column("STATE"))
INACTIVE = "(inactive)"


def print_hosts(active: Iterable[str], inactive: Mapping[str, str]) -> None:
    """Print hosts, and those that cannot be used with the reason.

    Args:
        active: hosts that can be used.
        inactive: the others, each with why.
    """
    rows = [(host, "active") for host in active]
    rows += [(host, f"{INACTIVE} {reason}".rstrip()) for host, reason in inactive.items()]
    print_table(_HOSTS, rows)


def print_info(
    infos: Iterable[Mapping[str, Any]], inactive: Mapping[str, str] | None = None
) -> None:
    """Print what hosts are, one a row.

    Args:
        infos: as :attr:`Runtime.info` gives them.
        inactive: hosts that cannot be used, each with why.
    """
    rows = [
        (
            info["host"],
            "active",
            info["os"],
            info["python_version"],
            str(info["cpu_cores"]),
            size_in_mb(info["memory"]),
            ", ".join(info["gpus"]) or "-",
        )
        for info in infos
    ]
    rows += [
        (host, f"{INACTIVE} {reason}".rstrip(), "", "", "", "", "")
        for host, reason in (inactive or {}).items()
    ]
    print_table(_INFO, rows)
