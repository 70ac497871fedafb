"""Ports as people write them: ``8888``, ``8000-8003``, ``8888:9999``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.exposure_model import Service
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_services(words: Sequence[str]) -> tuple[Service, ...]:
    """Read the ports of services: ``8888``, ``8000-8003``, ``8888:9999``.

    Raises:
        UsageError: one of them is no port.
    """
    services: list[Service] = []
    for word in words:
        for part in word.split(","):
            service, colon, port = part.partition(":")
            if colon:
                services.append(Service(read_port(service), read_port(port)))
            else:
                services += [Service(each, each) for each in read_range(part)]
    return tuple(services)


def read_choices(text: str) -> list[int]:
    """Read ports to choose from: ``6000-6010``, ``7000,8000``.

    Raises:
        UsageError: one of them is no port.
    """
    return [port for part in text.split(",") for port in read_range(part)]


def read_range(text: str) -> Sequence[int]:
    """Read a port or a range of ports.

    Raises:
        UsageError: it is none.
    """
    first, dash, last = text.partition("-")
    begin = read_port(first)
    end = read_port(last) if dash else begin
    if end < begin:
        raise UsageError(f"the range {text} ends before it begins")
    return range(begin, end + 1)


def read_port(text: str) -> int:
    """Read a port.

    Raises:
        UsageError: it is none.
    """
    if text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= 65535:
        return int(text)
    raise UsageError(f"a port is a number from 1 to 65535, not {text[:40]!r}")
