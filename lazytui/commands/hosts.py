"""``lazytui hosts``: detect the hosts of the ssh config and list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.core.model import HostState
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.core.runtime import Runtime
    from lazytui.ssh.config import SSHConfig

FRESH_S = 5.0  # what an engine learned of a host that long ago is still the present
SYMBOLS = {"active": "●", "inactive": "○"}


async def hosts(call: Call) -> int:
    """List the hosts; exit code 0 also when some are inactive."""
    config = await call.config()
    if not config.entries:
        return _nothing(call, config)
    if call.arguments.offline:
        return _offline(call, config)
    async with call.engine() as engine:
        chosen = await common.select(engine, call.arguments.where, default_all=True)
        _try_again(engine, chosen)
        runtimes = await engine.detect(chosen)
        if call.arguments.json:
            call.print_json([as_json(runtime) for runtime in runtimes])
        else:
            _table(call, runtimes)
    return common.OK


def _try_again(engine: Engine, hosts: Iterable[str]) -> None:
    """Have hosts tried that were down a while ago: who asks now wants to know how it is now."""
    for runtime in map(engine.runtime, hosts):
        last_try_s = runtime.last_try_s()
        if runtime.state is HostState.INACTIVE and (last_try_s or 0) > FRESH_S:
            runtime.refresh()


def _nothing(call: Call, config: SSHConfig) -> int:
    if call.arguments.json:
        call.print_json([])
    skipped = (
        f", {len(config.skipped_patterns)} patterns skipped" if config.skipped_patterns else ""
    )
    call.say(f"no hosts in {call.config_path}{skipped}. Add a `Host` entry, or try `lazytui demo`.")
    return common.OK


def as_json(runtime: Runtime) -> dict[str, Any]:
    """Give a host with the keys that scripts rely on."""
    options = runtime.options
    info = runtime.info
    active = runtime.state == "active"
    return {
        "host": runtime.host,
        "state": "active" if active else "inactive",
        "reason": runtime.reason or None,
        "hostname": options.hostname,
        "port": options.port,
        "user": options.user,
        "os": info.os if info else None,
        "cpu_cores": info.cpu_cores if info else None,
        "memory": info.memory if info else None,
        "python_version": info.python_version if info else None,
        "gpus": list(info.gpus) if info else [],
        "latency_ms": round(runtime.latency_ms, 2) if runtime.latency_ms is not None else None,
    }


def _table(call: Call, runtimes: list[Runtime]) -> None:
    from lazytui.text import size_text

    details = call.arguments.details
    rows = [["HOST", "STATE", "CORES", "MEM", "GPUS", "PYTHON", "OS"]]
    if details:
        rows[0] += ["LATENCY", "ADDRESS"]
    inactive = []
    for runtime in runtimes:
        info = runtime.info
        if runtime.state != "active" or info is None:
            inactive.append(runtime)
            continue
        row = [
            sanitize(runtime.host),
            f"{SYMBOLS['active']} active",
            str(info.cpu_cores),
            size_text(info.memory),
            _gpus(info.gpus),
            info.python_version,
            info.os,
        ]
        if details:
            row += [f"{runtime.latency_ms or 0:.0f} ms", runtime.address]
        rows.append(row)
    if len(rows) > 1:
        call.print_table(rows, right=(2, 3, 7))
    if inactive:
        if len(rows) > 1:
            call.print()
        call.print_table(
            [["HOST", "STATE", "REASON"]]
            + [[sanitize(r.host), f"{SYMBOLS['inactive']} inactive", r.reason] for r in inactive]
        )


def _gpus(names: tuple[str, ...]) -> str:
    if not names:
        return "-"
    kinds = dict.fromkeys(names)
    return ", ".join(f"{names.count(kind)}×{kind}" for kind in kinds)


def _offline(call: Call, config: SSHConfig) -> int:
    """List what the ssh config says, connecting to nothing."""
    options = [config.resolve(entry.alias) for entry in config.entries]
    where = common.parse(call.arguments.where)
    if where is not None:
        listed = [common.Listed(entry.alias) for entry in config.entries]
        groups = {group.name: group.hosts for group in common.kept_groups(listed)}
        wanted = set(where.select(listed, groups))
        if not wanted:
            raise UsageError(f"no host matches {where.text}")
        options = [option for option in options if option.alias in wanted]
    if call.arguments.json:
        call.print_json(
            [
                {
                    "host": option.alias,
                    "state": "inactive",
                    "reason": "not tried",
                    "hostname": option.hostname,
                    "port": option.port,
                    "user": option.user,
                    "os": None,
                    "cpu_cores": None,
                    "memory": None,
                    "python_version": None,
                    "gpus": [],
                    "latency_ms": None,
                }
                for option in options
            ]
        )
        return common.OK
    rows = [["HOST", "ADDRESS", "VIA", "CONFIG"]]
    places = {entry.alias: f"{entry.path}:{entry.line}" for entry in config.entries}
    for option in options:
        address = f"{option.user}@{option.hostname}:{option.port}"
        via = " ".join(option.proxy_jump) or ("command" if option.proxy_command else "-")
        rows.append([sanitize(text) for text in (option.alias, address, via, places[option.alias])])
    call.print_table(rows)
    return common.OK
