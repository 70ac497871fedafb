"""A fast lane for the data of channels through a connection of asyncssh whose cipher is AES-GCM.

asyncssh copies each byte seven times on its way in and six on its way out, sets the cipher up
anew for every packet, and makes a system call for each 32 KiB. Here a byte is copied twice and
what belongs together is sent together. Only packets with the data of an open channel take this
lane, and only while nothing special is going on; all others, and every doubtful one, are left to
asyncssh, which sees a state as if it had handled the rest itself.

It reaches into asyncssh's own fields. Where one of those is missing, as in a version to come, no
lane is opened and all works as before, slower (``tests/ssh/test_fast_lane.py`` would tell).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from asyncssh.constants import MSG_CHANNEL_DATA
from asyncssh.encryption import GCMEncryption
from asyncssh.misc import DisconnectError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncssh

MAC = 16  # bytes of a GCM tag
BLOCK = 16  # packets are padded to a multiple of it (RFC 5647, 7.2)
HEAD = 10  # in front of the data: length of the padding, type, channel, length of the data

# fmt: off
OF_CONNECTION = frozenset(
    (
        "_auth_complete", "_channels", "_compressor", "_decompressor", "_force_close", "_inpbuf",
        "_kex_complete", "_max_recv_pktlen", "_recv_data", "_recv_encryption", "_recv_handler",
        "_recv_pkthdr", "_recv_seq", "_rekey_bytes", "_rekey_bytes_sent", "_rekey_seconds",
        "_rekey_time", "_reset_keepalive_timer", "_send", "_send_disconnect", "_send_encryption",
        "_send_seq", "_transport", "internal_error",
    )
)
OF_CHANNEL = frozenset(
    (
        "_accept_data", "_conn", "_encoding", "_recv_state", "_recv_window", "_send_buf",
        "_send_chan", "_send_pktsize", "_send_state", "_send_window",
    )
)
# fmt: on


def open_for(connection: asyncssh.SSHClientConnection) -> bool:
    """Let the data that comes in on a connection take the fast lane.

    Returns:
        Whether it does: this asyncssh is one that we know, and its cipher is AES-GCM.
    """
    if not all(hasattr(connection, name) for name in OF_CONNECTION):
        return False
    if not isinstance(getattr(connection, "_recv_encryption", None), GCMEncryption):
        return False
    # On the instance, as the transport calls it there; the class stays as it is for others.
    setattr(connection, "data_received", _receiver(connection))  # noqa: B010
    return True


def _receiver(connection: Any) -> Callable[..., None]:
    """Give what takes a connection's input instead of its ``data_received``."""
    known, aes = None, None  # the cipher changes with the keys

    def data_received(data: bytes, datatype: object = None) -> None:
        del datatype
        if connection._inpbuf:
            data = connection._inpbuf + data
        connection._inpbuf = data
        if (
            connection._recv_handler != connection._recv_pkthdr
            or connection._decompressor is not None
            or not connection._kex_complete
        ):
            connection._recv_data()
            return
        connection._reset_keepalive_timer()
        nonlocal known, aes
        encryption = connection._recv_encryption
        if encryption is not known:
            known = encryption
            is_gcm = isinstance(encryption, GCMEncryption)
            aes = AESGCM(encryption._cipher._key) if is_gcm else None
        if aes is not None:
            try:
                data = _take(connection, encryption._cipher, aes, data)
            except DisconnectError as exc:
                connection._send_disconnect(exc.code, exc.reason, exc.lang)
                connection._force_close(exc)
                return
            except Exception:
                connection.internal_error()
                return
        if not connection._transport:
            return  # closed by what it got
        connection._inpbuf = data
        if len(data) < 4:
            return
        length = int.from_bytes(data[:4], "big")
        # A whole packet that is not ours, or what nobody could take: asyncssh says what it is.
        if len(data) >= 4 + length + MAC or length > connection._max_recv_pktlen:
            connection._recv_data()

    return data_received


def _take(connection: Any, cipher: Any, aes: AESGCM, data: bytes) -> bytes:
    """Hand the packets of channel data at the start of some input on; gives the rest."""
    at, size = 0, len(data)
    channels = connection._channels
    with memoryview(data) as view:
        while size - at >= 4:
            length = int.from_bytes(data[at : at + 4], "big")
            end = at + 4 + length + MAC
            if end > size or length < HEAD:
                break
            try:
                packet = aes.decrypt(cipher._iv, view[at + 4 : end], view[at : at + 4])
            except InvalidTag:
                break
            if packet[1] != MSG_CHANNEL_DATA:
                break
            channel = channels.get(int.from_bytes(packet[2:6], "big"))
            content = packet[HEAD : length - packet[0]]
            if (
                channel is None
                or len(content) != int.from_bytes(packet[6:HEAD], "big")
                or channel._recv_state != "open"
                or len(content) > channel._recv_window
            ):
                break
            cipher._update_iv()
            connection._recv_seq = (connection._recv_seq + 1) & 0xFFFFFFFF
            at = end
            channel._accept_data(content)
            if not connection._transport:
                return b""
    return data[at:] if at else data


class Sender:
    """Writes to a channel, through the fast lane where it may.

    Args:
        channel: of a connection that was tuned.
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        connection = getattr(channel, "_conn", None)
        self._is_known = (
            connection is not None
            and all(hasattr(channel, name) for name in OF_CHANNEL)
            and all(hasattr(connection, name) for name in OF_CONNECTION)
        )
        self._encryption: Any = None
        self._aes: AESGCM | None = None

    def write(self, data: bytes) -> None:
        """Send some data.

        Raises:
            OSError: the channel is closed.
        """
        if self._is_known:
            sent = self._send(data)
            if sent == len(data):
                return
            data = data[sent:]
        self._channel.write(data)

    def _send(self, data: bytes) -> int:
        """Send as much as may take the fast lane now; gives how many bytes that is."""
        channel = self._channel
        connection = channel._conn
        size: int = min(len(data), channel._send_window)
        if (
            size == 0
            or connection is None
            or channel._send_buf
            or channel._send_state != "open"
            or channel._encoding
            or connection._compressor is not None
            or not (connection._kex_complete and connection._auth_complete)
            or connection._rekey_bytes_sent + 2 * size >= connection._rekey_bytes
            or (connection._rekey_seconds and time.monotonic() >= connection._rekey_time)
        ):
            return 0
        encryption = connection._send_encryption
        if encryption is not self._encryption:
            self._encryption = encryption
            is_gcm = isinstance(encryption, GCMEncryption)
            self._aes = AESGCM(encryption._cipher._key) if is_gcm else None
        if self._aes is None:
            return 0
        step = channel._send_pktsize
        channel._send_window -= size
        cipher, to = encryption._cipher, channel._send_chan.to_bytes(4, "big")
        parts: list[bytes] = []
        with memoryview(data) as view:
            for at in range(0, size, step):
                piece = view[at : min(at + step, size)]
                packet = _packet(to, piece)
                header = len(packet).to_bytes(4, "big")
                parts += (header, self._aes.encrypt(cipher._iv, packet, header))
                cipher._update_iv()
                connection._rekey_bytes_sent += len(packet)
        connection._send_seq = (connection._send_seq + len(parts) // 2) & 0xFFFFFFFF
        connection._send(b"".join(parts))
        return size


def _packet(to: bytes, piece: memoryview) -> bytes:
    """Give the plain text of a packet (RFC 4253, 6) with data for a channel (RFC 4254, 5.2)."""
    padding = -(HEAD + len(piece)) % BLOCK
    if padding < 4:
        padding += BLOCK
    head = bytes((padding, MSG_CHANNEL_DATA)) + to + len(piece).to_bytes(4, "big")
    return b"".join((head, piece, os.urandom(padding)))
