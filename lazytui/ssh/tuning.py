"""What makes a connection of asyncssh carry more, at no cost to what it protects.

Each point was measured (``tests/benchmarks/bench_ports.py``); none changes what is sent but the
first, which leaves out what no cipher of ours needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncssh

MSG_IGNORE = 2  # RFC 4253, section 12

# asyncssh copies what is left of its input with every packet that it takes from it (32 KiB): of
# asyncio's 256 KiB at a time each byte would be copied eight times, of these four times.
READ_AT_ONCE = 131072


def tune(connection: asyncssh.SSHClientConnection) -> None:
    """Tune a connection that is logged in."""
    if "-cbc" not in connection.get_extra_info("send_cipher", ""):
        _leave_out_ignores(connection)
    transport: Any = getattr(connection, "_transport", None)
    if hasattr(transport, "max_size"):  # asyncio's own; others read as they like
        transport.max_size = READ_AT_ONCE


def _leave_out_ignores(connection: asyncssh.SSHClientConnection) -> None:
    """Send no empty packet before each packet.

    asyncssh does so for all ciphers. It helps against a weakness of CBC (RFC 4251, 9.3.1) and
    doubles the packets: the system calls, too, and what the other end has to decrypt.
    """
    send: Any = connection.send_packet

    def send_packet(pkttype: int, *args: bytes, handler: Any = None) -> None:
        if pkttype != MSG_IGNORE:
            send(pkttype, *args, handler=handler)

    # On the instance: the class stays as it is for the servers of the demo.
    setattr(connection, "send_packet", send_packet)  # noqa: B010 - mypy takes no other way
