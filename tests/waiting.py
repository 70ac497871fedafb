"""Waiting for what a busy machine may take some time for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something is so, 20 seconds at the most."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.02)
