"""What is said of an exposure: where its service is, where it is reachable, and how it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.exposure_model import LOOPBACK, Direction, ExposureState
from lazytui.core.where import fold
from lazytui.text import age_text, sanitize, size_text
from lazytui.tui.widgets.cells import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.exposure_model import (
        Exposure,
        ExposureRow,
        ExposureSpec,
        Suggestion,
        TestResult,
    )
    from lazytui.tui.widgets.cells import Row

# In the order of what needs somebody first.
STATES: dict[ExposureState, tuple[str, str]] = {
    ExposureState.FAILED: ("✗", "broken"),
    ExposureState.RETRYING: ("◐", "attention"),
    ExposureState.REFUSED: ("◆", "attention"),
    ExposureState.CONNECTING: ("◐", "moves"),
    ExposureState.ON: ("●", "fine"),
    ExposureState.OFF: ("○", "quiet"),
}
HERE = "here"  # the manager, as the user of the program sees it
_PORTS = 3  # named before the rest is only counted


def state_pieces(state: ExposureState) -> Row:
    """Give symbol and word of a state."""
    symbol, role = STATES[state]
    return [Piece(f"{symbol} ", role), Piece(str(state), role)]


def service_text(spec: ExposureSpec) -> str:
    """Say where the service is: ``gpu01:8888``, ``here:5432``."""
    where = sanitize(spec.source) or HERE
    if spec.direction is Direction.SOCKS:
        return f"SOCKS via {where}"
    return f"{where}:{_ports([each.service for each in spec.services])}"


def reach_text(spec: ExposureSpec) -> str:
    """Say where it becomes reachable: ``here:8888``, ``@train:5432``, ``0.0.0.0:80``."""
    ports = _ports([each.port for each in spec.services])
    is_loopback = spec.bind == LOOPBACK
    if spec.on_manager:
        return f"{HERE if is_loopback else sanitize(spec.bind)}:{ports}"
    where = f"@{spec.group}" if spec.group else fold(spec.targets)
    if spec.exclude:
        where += f" - {fold(spec.exclude)}"
    text = f"{sanitize(where, max_chars=200)}:{ports}"
    return text if is_loopback else f"{text} on {sanitize(spec.bind)}"


def traffic_text(towards: float, back: float) -> str:
    """Say how much flows a second: ``↑3k ↓1.2M``; empty while nothing does."""
    if towards < 1 and back < 1:
        return ""
    return f"↑{size_text(int(towards))} ↓{size_text(int(back))}"


def counts(exposures: Sequence[Exposure]) -> list[Piece]:
    """Count exposures by state, what needs somebody first."""
    states = [each.state for each in exposures]
    return [
        Piece(f"{states.count(state)} {state}", role)
        for state, (_, role) in STATES.items()
        if state in states
    ]


def trouble_of(exposure: Exposure, now: float) -> str:
    """Say why it is not on and when it is tried again; else when it broke last."""
    if exposure.reason:
        rows = [row for row in exposure.rows if row.state is exposure.state]
        waits = [wait for row in rows if (wait := row.next_retry_s()) is not None]
        tried = max((row.attempts for row in rows), default=0)
        again = f" · try {tried + 1} in {min(waits):.0f} s" if waits else ""
        return sanitize(exposure.reason, max_chars=300) + again
    if exposure.holder:
        return "held by another program"
    return _drop_text(exposure.rows, now)


def since_text(exposure: Exposure, now: float) -> str:
    """Say for how long all of it has been up; empty while it is not."""
    since = [row.on_since for row in exposure.rows if row.on_since is not None]
    return f"up {age_text(now - max(since))}" if since and len(since) == len(exposure.rows) else ""


def listening_text(host: str, found: Sequence[Suggestion]) -> str:
    """Say what listens on a host and is not exposed; empty when nothing does."""
    named = " · ".join(f"{each.port} {sanitize(each.program)}".rstrip() for each in found)
    return f"listens on {sanitize(host)}, not exposed: {named}" if named else ""


def row_pieces(row: ExposureRow, now: float) -> list[Row]:
    """Tell all about one listener, in rows."""
    place = sanitize(row.host) or HERE
    service = f"service {row.service}" if row.service else "proxy"
    address = f"{sanitize(row.address)}:{row.port}" if row.address else f"port {row.port}"
    up = "" if row.on_since is None else f" · up {age_text(now - row.on_since)}"
    rows: list[Row] = [
        [
            Piece(f"{place:<14} ", bold=True),
            *_padded(state_pieces(row.state), 13),
            Piece(f"{address}  "),
            Piece(f"← {service}", "quiet"),
        ],
        [
            Piece(" " * 15),
            Piece(
                f"{row.connections} open · {row.total} in all · {row.refused} refused · "
                f"↑{size_text(row.bytes_in)} ↓{size_text(row.bytes_out)}{up}",
                "quiet",
            ),
        ],
    ]
    if row.reason:
        wait = row.next_retry_s()
        again = "" if wait is None else f" · try {row.attempts + 1} in {wait:.0f} s"
        rows.append([Piece(" " * 15), Piece(sanitize(row.reason) + again, "attention")])
    if drop := _drop_text([row], now):
        rows.append([Piece(" " * 15), Piece(drop, "quiet")])
    return rows


def result_pieces(result: TestResult) -> Row:
    """Say what came of a test of one listener."""
    place = f"{sanitize(result.host) or HERE}:{result.port}"
    if not result.ok:
        return [
            Piece("✗ ", "broken"),
            Piece(f"{place:<22} "),
            Piece(sanitize(result.reason), "attention"),
        ]
    took = "" if result.ms is None else f" in {result.ms:.0f} ms"
    return [Piece("✓ ", "fine"), Piece(f"{place:<22} "), Piece(f"answers{took}", "quiet")]


def _drop_text(rows: Sequence[ExposureRow], now: float) -> str:
    drops = [(row.dropped_at, row.dropped_why) for row in rows if row.dropped_at is not None]
    if not drops:
        return ""
    at, why = max(drops)
    return f"broke {age_text(now - at)} ago: {sanitize(why, max_chars=200)}"


def _padded(pieces: Row, cells: int) -> Row:
    return [*pieces, Piece(" " * max(1, cells - sum(len(piece.text) for piece in pieces)))]


def _ports(ports: Sequence[int]) -> str:
    if len(ports) > 1 and list(ports) == list(range(ports[0], ports[-1] + 1)):
        return f"{ports[0]}-{ports[-1]}"
    more = f",+{len(ports) - _PORTS}" if len(ports) > _PORTS else ""
    return ",".join(map(str, ports[:_PORTS])) + more
