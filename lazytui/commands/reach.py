"""``lazytui reach``: see that a host is connected, before its shell gets the terminal.

Not listed in the help: it is the first half of ``lazytui shell``. Questions about the host are
asked here, on a terminal that is still in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.core.model import HostState
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from lazytui.commands.call import Call


async def reach(call: Call) -> int:
    """Connect to one host; exit code 3 when it is not reached."""
    (host,) = call.arguments.where
    async with call.engine() as engine:
        if host not in engine.runtimes:
            raise UsageError(f"{host} is no host of {call.config_path}")
        if engine.runtime(host).state is HostState.INACTIVE:
            engine.runtime(host).refresh()
        (runtime,) = await engine.detect([host])
    if runtime.state is HostState.INACTIVE:
        call.say(f"{host}: {runtime.reason}")
        return common.NOT_REACHED
    return common.OK
