"""``lazytui expose``, ``unexpose`` and ``ports``: ports made reachable elsewhere."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.core.exposure_model import LOOPBACK, Direction, ExposureSpec, ExposureState
from lazytui.core.exposure_title import title
from lazytui.core.port_text import read_choices, read_services
from lazytui.errors import ConnectError, ExposureError, UsageError
from lazytui.text import sanitize, size_text

if TYPE_CHECKING:
    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.core.exposure_model import Exposure, ExposureRow

SYMBOLS = {
    ExposureState.OFF: "○",
    ExposureState.CONNECTING: "◐",
    ExposureState.ON: "●",
    ExposureState.REFUSED: "◆",
    ExposureState.RETRYING: "◐",
    ExposureState.FAILED: "✗",
}


# -- expose


async def expose(call: Call) -> int:
    """Make a port reachable elsewhere; returns when it is, or says why it cannot be."""
    arguments = call.arguments
    if not arguments.foreground and not call.lasting:
        raise UsageError(
            "an exposure is held by the engine, and none runs: start it by `lazytui`, "
            "or hold the exposure here with --foreground"
        )
    async with call.engine() as engine:
        try:
            spec = await _spec(call, engine)
            choices = read_choices(arguments.port) if arguments.port else None
            await engine.exposures.load()
            exposure = await engine.exposures.add(spec, choices)
        except ValueError as error:
            raise UsageError(str(error)) from error
        except ExposureError as error:
            call.say(str(error))
            return common.NOT_REACHED if error.unreached else common.FAILED
        if arguments.json:
            call.print_json(as_json(exposure))
        else:
            call.print(f"{exposure.id}  {_on_words(exposure)}")
        await call.drain()
        return await _hold(call, engine, exposure) if arguments.foreground else common.OK


async def _spec(call: Call, engine: Engine) -> ExposureSpec:
    """Read what is asked for."""
    arguments = call.arguments
    services = read_services(arguments.services)
    if arguments.socks:
        services = tuple(replace(service, service=0) for service in services)
    spec = ExposureSpec(
        direction=_direction(arguments),
        services=services,
        source=arguments.source or "",
        exclude=tuple(arguments.exclude),
        bind=arguments.bind,
        public=arguments.public,
        auto=arguments.auto and not arguments.foreground,
        name=arguments.name,
    )
    where = arguments.to or arguments.to_group
    if where is None:
        return spec
    group = where.removeprefix("@")
    if where.startswith("@") and group in await engine.groups():
        await engine.learn(common.parse([where]))
        return replace(spec, group=group)
    hosts = [host for host in await common.select(engine, [where]) if host not in spec.exclude]
    return replace(spec, targets=tuple(hosts), exclude=())


def _direction(arguments: Any) -> Direction:
    if arguments.to is not None:
        if arguments.source:
            raise UsageError("--to is from the manager; from a host to others it is --to-group")
        return Direction.TO_RUNTIMES
    if not arguments.source:
        raise UsageError("say from where or to where: --from HOST, --to WHERE")
    if arguments.to_group is not None:
        return Direction.TO_GROUP
    return Direction.SOCKS if arguments.socks else Direction.FROM_RUNTIME


async def _hold(call: Call, engine: Engine, exposure: Exposure) -> int:
    """Stay until Ctrl-C, saying what happens, and end the exposure then."""
    over = asyncio.Event()
    told = (exposure.state, exposure.reason)
    try:
        with call.on_interrupt(over.set), engine.events.subscribe() as events:
            if not call.lasting:  # this process is all that holds it
                for number in (signal.SIGTERM, signal.SIGHUP):
                    asyncio.get_running_loop().add_signal_handler(number, over.set)
            ending = asyncio.ensure_future(over.wait())
            try:
                while not over.is_set():
                    news = asyncio.ensure_future(events.drain())
                    await asyncio.wait((news, ending), return_when=asyncio.FIRST_COMPLETED)
                    news.cancel()
                    exposure = engine.exposures.get(exposure.id)
                    if (exposure.state, exposure.reason) != told:
                        told = (exposure.state, exposure.reason)
                        call.say(f"{told[0]}: {told[1]}" if told[1] else str(told[0]))
            finally:
                ending.cancel()
    except UsageError:
        return common.OK  # removed by somebody
    finally:
        if any(each.id == exposure.id for each in engine.exposures.all()):
            await engine.exposures.remove(exposure.id)
    return common.INTERRUPTED


# -- unexpose


async def unexpose(call: Call) -> int:
    """End exposures and forget them."""
    arguments = call.arguments
    if bool(arguments.ids) == arguments.all:
        raise UsageError("say which: lazytui unexpose ID, or --all")
    async with call.engine() as engine:
        exposures = await engine.exposures.load()
        if not arguments.all:
            exposures = [engine.exposures.find(text) for text in arguments.ids]
        for exposure in exposures:
            await engine.exposures.remove(exposure.id)
            call.print(f"{exposure.id}  {title(exposure.spec)}: ended")
    return common.OK


# -- ports


async def ports(call: Call) -> int:
    """List the exposures, or do something with one."""
    arguments = call.arguments
    async with call.engine() as engine:
        exposures = await engine.exposures.load()
        match arguments.action:
            case "test":
                return await _test(call, engine)
            case "start":
                exposure = await engine.exposures.start(engine.exposures.find(arguments.id).id)
                call.print(f"{exposure.id}  {_on_words(exposure)}")
            case "stop":
                await engine.exposures.stop(engine.exposures.find(arguments.id).id)
            case "restart":
                await engine.exposures.restart(engine.exposures.find(arguments.id).id)
            case "edit":
                return await _edit(call, engine)
            case "auto":
                found = engine.exposures.find(arguments.id)
                await engine.exposures.set_auto(found.id, arguments.auto == "on")
            case "suggest":
                return await _suggest(call, engine)
            case _:
                _list(call, exposures)
    return common.OK


async def _edit(call: Call, engine: Engine) -> int:
    """Replace what was given anew in the definition of an exposure."""
    arguments = call.arguments
    found = engine.exposures.find(arguments.id)
    spec = found.spec
    if arguments.services:
        spec = replace(spec, services=read_services(arguments.services))
    given = {name: getattr(arguments, name) for name in ("source", "name", "bind")}
    spec = replace(spec, **{name: value for name, value in given.items() if value is not None})
    spec = replace(spec, public=spec.public or arguments.public)
    if spec.direction is Direction.SOCKS:
        spec = replace(spec, services=tuple(replace(each, service=0) for each in spec.services))
    choices = read_choices(arguments.port) if arguments.port else None
    if spec == found.spec and choices is None:
        raise UsageError("say what shall be other: PORT, --from, --port, --name, --bind")
    try:
        exposure = await engine.exposures.change(found.id, spec, choices)
    except ValueError as error:
        raise UsageError(str(error)) from error
    except ExposureError as error:
        call.say(str(error))
        return common.NOT_REACHED if error.unreached else common.FAILED
    if call.arguments.json:
        call.print_json(as_json(exposure))
    elif exposure.rows:
        call.print(f"{exposure.id}  {_on_words(exposure)}")
    return common.OK


async def _test(call: Call, engine: Engine) -> int:
    exposure = engine.exposures.find(call.arguments.id)
    results = await engine.exposures.test(exposure.id)
    if call.arguments.json:
        call.print_json(
            [
                {
                    "host": each.host or None,
                    "port": each.port,
                    "ok": each.ok,
                    "ms": each.ms,
                    "reason": each.reason,
                }
                for each in results
            ]
        )
    else:
        rows = [["HOST", "PORT", "RESULT", "TIME", ""]]
        for each in results:
            time = "-" if each.ms is None else f"{each.ms:.1f} ms"
            result = "✓ answers" if each.ok else "✗ failed"
            host = sanitize(each.host) or "(manager)"
            rows.append([host, str(each.port), result, time, each.reason])
        call.print_table(rows, right=(1, 3))
    return common.OK if all(each.ok for each in results) else common.FAILED


async def _suggest(call: Call, engine: Engine) -> int:
    host = call.arguments.host
    if host not in engine.runtimes:
        raise UsageError(f"{host!r} is no host of the ssh config")
    try:
        found = await engine.exposures.suggestions(host)
    except ConnectError as error:
        call.say(f"{host}: {error}")
        return common.NOT_REACHED
    if call.arguments.json:
        keys = ("port", "address", "program", "pid")
        call.print_json([{key: getattr(each, key) for key in keys} for each in found])
    elif found:
        rows = [["PORT", "ADDRESS", "PROGRAM", "PID"]]
        rows += [
            [str(each.port), each.address, each.program or "-", str(each.pid or "-")]
            for each in found
        ]
        call.print_table(rows, right=(0, 3))
    else:
        call.say(f"{host}: nothing listens there that is not exposed")
    return common.OK


def _list(call: Call, exposures: list[Exposure]) -> None:
    if call.arguments.json:
        call.print_json([as_json(exposure) for exposure in exposures])
        return
    if not exposures:
        call.say("nothing is exposed: lazytui expose 8888 --from HOST")
        return
    rows = [["ID", "NAME", "STATE", "WHAT", "CONN", "IN", "OUT", ""]]
    rows += [
        [
            str(each.id),
            sanitize(each.spec.name, max_chars=30) or "-",
            f"{SYMBOLS[each.state]} {each.state}",
            sanitize(title(replace(each.spec, name="")), max_chars=60),
            str(each.connections),
            size_text(each.bytes_in),
            size_text(each.bytes_out),
            sanitize(each.reason, max_chars=80),
        ]
        for each in exposures
    ]
    call.print_table(rows, right=(0, 4, 5, 6))


def as_json(exposure: Exposure) -> dict[str, Any]:
    """Give an exposure with the keys that scripts rely on."""
    spec = exposure.spec
    return {
        "id": exposure.id,
        "name": spec.name,
        "direction": str(spec.direction),
        "local": _local(exposure),
        "remote": _remote(exposure),
        "hosts": list(exposure.hosts),
        "group": spec.group or None,
        "auto": spec.auto,
        "state": str(exposure.state),
        "reason": exposure.reason,
        "held_by": int(exposure.holder.partition(":")[0]) if exposure.holder else None,
        "connections": exposure.connections,
        "bytes_in": exposure.bytes_in,
        "bytes_out": exposure.bytes_out,
        "rows": [_row_as_json(row) for row in exposure.rows],
    }


def _row_as_json(row: ExposureRow) -> dict[str, Any]:
    return {
        "host": row.host or None,
        "service": row.service or None,
        "port": row.port,
        "address": row.address or None,
        "state": str(row.state),
        "reason": row.reason,
        "attempts": row.attempts,
        "next_retry_s": row.next_retry_s(),
        "connections": row.connections,
        "total": row.total,
        "refused": row.refused,
        "bytes_in": row.bytes_in,
        "bytes_out": row.bytes_out,
        "dropped": row.dropped_at,
        "dropped_reason": row.dropped_why or None,
    }


def _local(exposure: Exposure) -> str | None:
    """Where it is on the manager: what listens there, or the service; None for a relay."""
    spec = exposure.spec
    if spec.on_manager:
        return ", ".join(f"{spec.bind}:{service.port}" for service in spec.services)
    if spec.direction is Direction.TO_GROUP:
        return None
    return ", ".join(f"{LOOPBACK}:{service.service}" for service in spec.services)


def _remote(exposure: Exposure) -> str | None:
    """Where it is on hosts: the service, or what listens there; None for a proxy."""
    spec = exposure.spec
    if spec.direction is Direction.SOCKS:
        return None
    if spec.on_manager:
        return ", ".join(f"{spec.source}:{service.service}" for service in spec.services)
    return ", ".join(f"{spec.bind}:{service.port}" for service in spec.services)


def _on_words(exposure: Exposure) -> str:
    """Say where it can be reached now."""
    row = exposure.rows[0]
    more = len(exposure.spec.services) - 1
    address = f"[{row.address}]" if ":" in row.address else row.address
    where = f"{address}:{row.port}" + (f" and {more} more ports" if more else "")
    hosts = sorted({each.host for each in exposure.rows if each.host})
    place = ""
    if hosts:
        place = f" on {hosts[0]}" if len(hosts) == 1 else f" on {len(hosts)} hosts"
    return sanitize(f"{title(exposure.spec)}: reachable at {where}{place}")
