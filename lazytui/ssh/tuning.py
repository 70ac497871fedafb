"""What makes a connection of asyncssh carry more, at no cost to what it protects.

Each point was measured (``tests/benchmarks/bench_ports.py``); none changes what is sent but the
first, which leaves out what no cipher of ours needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncssh.constants import MSG_IGNORE

from lazytui.ssh import fast_lane

if TYPE_CHECKING:
    import asyncssh

# asyncssh copies what is left of its input with every packet that it takes from it (32 KiB): of
# asyncio's 256 KiB at a time each byte would be copied eight times, of these four times.
READ_AT_ONCE = 131072
TIMERS_S = 0.25  # the keepalive is put off at most so often; less than any sensible interval


def tune(connection: asyncssh.SSHClientConnection) -> None:
    """Tune a connection that is logged in."""
    if "cbc" not in str(connection.get_extra_info("send_cipher") or "cbc"):
        _leave_out_ignores(connection)
    _put_off_seldom(connection)
    transport: Any = getattr(connection, "_transport", None)
    if hasattr(transport, "max_size"):  # asyncio's own; others read as they like
        transport.max_size = READ_AT_ONCE
    fast_lane.open_for(connection)


def _leave_out_ignores(connection: asyncssh.SSHClientConnection) -> None:
    """Send no empty packet before each packet.

    asyncssh does so for all ciphers. It helps against a weakness of CBC (RFC 4251, 9.3.1) and
    doubles the packets: the system calls, too, and what the other end has to decrypt. Without
    them a file takes 0.6 to 0.8 of the time to a host.
    """
    send: Any = connection.send_packet

    def send_packet(pkttype: int, *args: bytes, handler: Any = None) -> None:
        if pkttype != MSG_IGNORE:
            send(pkttype, *args, handler=handler)

    # On the instance: the class stays as it is for the servers of the demo.
    setattr(connection, "send_packet", send_packet)  # noqa: B010 - mypy takes no other way


def _put_off_seldom(connection: asyncssh.SSHClientConnection) -> None:
    """Restart the timer of the keepalive not for every piece of data.

    That is a tenth of what a small packet costs. The keepalive comes earlier by as little as that.
    """
    reset: Any = getattr(connection, "_reset_keepalive_timer", None)
    if reset is None:
        return
    loop = getattr(connection, "_loop")  # noqa: B009 - as above
    last = -TIMERS_S

    def reset_seldom() -> None:
        nonlocal last
        now = loop.time()
        if now - last >= TIMERS_S:
            last = now
            reset()

    setattr(connection, "_reset_keepalive_timer", reset_seldom)  # noqa: B010 - as above
