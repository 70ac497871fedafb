"""A listener of an exposure while it lives: its state, what led to it, and its traffic."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import ExposureRow, ExposureState
from lazytui.ssh.traffic import Outcomes, Traffic
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.exposure_model import Service

MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Condition:
    """How one part of the way is: the listener, or the host with the service.

    Args:
        state: not REFUSED, which is a matter of clients.
        reason: why it is not on.
        attempts: in a row in vain.
        retry_at: by the monotonic clock; None when nothing is planned.
    """

    state: ExposureState
    reason: str = ""
    attempts: int = 0
    retry_at: float | None = None


CONNECTING = Condition(ExposureState.CONNECTING)
ON = Condition(ExposureState.ON)


class Row:
    """One listener, and the way from it to the service.

    Args:
        host: where it listens; empty for the manager.
        service: its ports.
        on_state: called after each change of its state.
        on_traffic: called after each change of its counters; must be quick.
    """

    def __init__(
        self,
        host: str,
        service: Service,
        on_state: Callable[[], None],
        on_traffic: Callable[[], None],
    ) -> None:
        self.host = host
        self.service = service
        self.address = ""
        self.traffic = Traffic(on_traffic)
        self.outcomes = Outcomes(self._outcome)
        self._on_state = on_state
        self._parts = {"listener": CONNECTING, "way": ON}
        self._refusal = ""
        self._dropped: tuple[float | None, str] = (None, "")
        self._on_since: float | None = None

    @property
    def state(self) -> ExposureState:
        """How it is, all parts taken together."""
        return self.snapshot().state

    def listener(self, condition: Condition) -> None:
        """Say how the listener is."""
        self._set("listener", condition)

    def way(self, condition: Condition) -> None:
        """Say how the way from the listener to the service is."""
        self._set("way", condition)

    def snapshot(self) -> ExposureRow:
        """Give it as it is at this moment."""
        worst = self._worst()
        state, reason = worst.state, worst.reason
        if state is ExposureState.ON and self._refusal:
            state, reason = ExposureState.REFUSED, self._refusal
        traffic = self.traffic
        return ExposureRow(
            host=self.host,
            service=self.service.service,
            port=self.service.port,
            state=state,
            address=self.address,
            reason=reason,
            attempts=worst.attempts,
            retry_at=worst.retry_at,
            connections=traffic.connections,
            total=traffic.total,
            refused=traffic.refused,
            bytes_in=traffic.bytes_in,
            bytes_out=traffic.bytes_out,
            dropped_at=self._dropped[0],
            dropped_why=self._dropped[1],
            on_since=self._on_since,
        )

    def _worst(self) -> Condition:
        parts = self._parts.values()
        return next((part for part in parts if part.state is not ExposureState.ON), ON)

    def _set(self, part: str, condition: Condition) -> None:
        if self._parts[part] == condition:
            return
        was_on = self._worst().state is ExposureState.ON
        self._parts[part] = condition
        worst = self._worst()
        if worst.state is ExposureState.ON:
            self._refusal = ""  # of another time
            self._on_since = time.time()
        elif was_on:
            self._dropped = (time.time(), worst.reason)
            self._on_since = None
        self._on_state()

    def _outcome(self, reason: str) -> None:
        """A client was refused for a reason, or taken."""
        reason = sanitize(reason, max_chars=MAX_REASON)
        if reason != self._refusal:
            self._refusal = reason
            self._on_state()
