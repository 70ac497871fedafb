"""The fields of a new exposure, and the definition they mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import LOOPBACK, Direction, ExposureSpec
from lazytui.core.port_text import read_choices, read_services
from lazytui.core.where import fold
from lazytui.errors import UsageError
from lazytui.tui.group_order import FIXED, GroupDraft, hosts_of

if TYPE_CHECKING:
    from lazytui.tui.context import EngineView


@dataclass(frozen=True, slots=True)
class PortDraft:
    """What is in the fields.

    Args:
        direction: which way it leads.
        ports: of the service: ``8888``, ``8000-8003``, ``8888:9999``.
        source: the host with the service.
        where: the hosts where it becomes reachable, or a group.
        exclude: of those, the ones that do not get it.
        port: where it becomes reachable; of several the first that is free.
        bind: the address to listen on.
        name: given by the user.
        auto: take it up again when the engine starts.
        public: another address than loopback was confirmed.
    """

    direction: Direction = Direction.FROM_RUNTIME
    ports: str = ""
    source: str = ""
    where: str = ""
    exclude: str = ""
    port: str = ""
    bind: str = LOOPBACK
    name: str = ""
    auto: bool = True
    public: bool = False


def order_of(draft: PortDraft, engine: EngineView) -> tuple[ExposureSpec, list[int] | None]:
    """Read the fields; gives the definition, and the ports to choose from.

    Raises:
        UsageError: a field cannot be read; the message says which and how.
    """
    if not draft.ports.strip():
        raise UsageError("say which port: 8888, 8000-8003, or 8888:9999 to have another number")
    services = read_services(draft.ports.replace(",", " ").split())
    if draft.direction is Direction.SOCKS:
        services = tuple(replace(service, service=0) for service in services)
    spec = ExposureSpec(
        draft.direction,
        services,
        source=_source(draft, engine),
        bind=draft.bind.strip() or LOOPBACK,
        public=draft.public,
        auto=draft.auto,
        name=draft.name.strip(),
    )
    choices = read_choices(draft.port.strip()) if draft.port.strip() else None
    if spec.on_manager:
        return spec, choices
    where = draft.where.strip()
    groups = {group.name for group in engine.groups_now()}
    left_out = hosts_of(GroupDraft("", FIXED, draft.exclude), engine) if draft.exclude else ()
    if where.startswith("@") and where[1:] in groups:
        return replace(spec, group=where[1:], exclude=tuple(left_out)), choices
    hosts = hosts_of(GroupDraft("", FIXED, where), engine)
    targets = tuple(host for host in hosts if host not in (spec.source, *left_out))
    if not targets:
        raise UsageError(f"no host is left of {where}")
    return replace(spec, targets=targets), choices


def draft_of(spec: ExposureSpec) -> PortDraft:
    """Give the fields that mean an exposure there is: what :func:`order_of` reads back."""
    return PortDraft(
        spec.direction,
        _ports_of(spec),
        spec.source,
        f"@{spec.group}" if spec.group else fold(spec.targets),
        fold(spec.exclude),
        "",
        spec.bind,
        spec.name,
        spec.auto,
        spec.public,
    )


def _ports_of(spec: ExposureSpec) -> str:
    words: list[str] = []
    begin = 0
    services = spec.services
    for at, each in enumerate(services):
        service = each.service or each.port
        if service != each.port:
            words.append(f"{service}:{each.port}")
            begin = at + 1
            continue
        after = services[at + 1] if at + 1 < len(services) else None
        if after is not None and (after.service or after.port) == after.port == each.port + 1:
            continue  # the range goes on
        first = services[begin].port
        words.append(str(each.port) if first == each.port else f"{first}-{each.port}")
        begin = at + 1
    return " ".join(words)


def _source(draft: PortDraft, engine: EngineView) -> str:
    if draft.direction is Direction.TO_RUNTIMES:
        return ""
    source = draft.source.strip()
    if not source:
        raise UsageError("say which host has the service")
    if source not in engine.runtimes:
        raise UsageError(f"{source!r} is no host of the ssh config")
    return source
