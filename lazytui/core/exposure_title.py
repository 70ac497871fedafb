"""What an exposure is called where there is one line for it: the command line, the events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.exposure_model import Direction
from lazytui.core.where import fold

if TYPE_CHECKING:
    from lazytui.core.exposure_model import ExposureSpec


def title(spec: ExposureSpec) -> str:
    """Say in a few words what an exposure is: ``8888 of gpu01 -> manager``."""
    ports = ", ".join(
        str(each.port) if each.service in (0, each.port) else f"{each.service} as {each.port}"
        for each in spec.services[:3]
    )
    more = f" and {len(spec.services) - 3} more" if len(spec.services) > 3 else ""
    where = f"@{spec.group}" if spec.group else f"{len(spec.targets)} hosts"
    if spec.exclude:
        where += f" - {fold(spec.exclude)}"
    if not spec.group and len(spec.targets) == 1:
        where = spec.targets[0]
    words = {
        Direction.TO_RUNTIMES: f"{ports}{more} of the manager -> {where}",
        Direction.FROM_RUNTIME: f"{ports}{more} of {spec.source} -> the manager",
        Direction.TO_GROUP: f"{ports}{more} of {spec.source} -> {where}",
        Direction.SOCKS: f"SOCKS proxy {ports} through {spec.source}",
    }
    return f"{spec.name}: {words[spec.direction]}" if spec.name else words[spec.direction]
