"""What exposures that are up tell of themselves: to the screens, and to the journal."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from lazytui.core.events import ExposureChanged
from lazytui.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lazytui.core.events import EventBus
    from lazytui.core.exposure_live import LiveExposure
    from lazytui.core.exposure_model import ExposureState
    from lazytui.core.exposure_store import ExposureStore
    from lazytui.ssh.traffic import Spawn

TRAFFIC_EVERY_S = 0.25  # between two events about traffic alone


class ExposureNews:
    """Passes on what becomes of the exposures that this process holds.

    Args:
        store: where states and sessions are noted.
        events: where changes are published.
        held: the exposures that are up here, by number; as it is at each moment.
        spawn: runs what it does in the background.
    """

    def __init__(
        self,
        store: ExposureStore,
        events: EventBus,
        held: Mapping[int, LiveExposure],
        spawn: Spawn,
    ) -> None:
        self._store = store
        self._events = events
        self._held = held
        self._spawn = spawn
        self._noted: dict[int, tuple[ExposureState, str]] = {}
        self._to_note: set[int] = set()
        self._has_news = asyncio.Event()
        self._traffic: set[int] = set()

    def state_changed(self, live: LiveExposure) -> None:
        """Tell, and note for others, how an exposure is by now."""
        if live.spec.id:
            self._events.publish(ExposureChanged(live.spec.id))
            self._to_note.add(live.spec.id)
            self._has_news.set()

    def traffic_flowed(self, live: LiveExposure) -> None:
        """Tell that something has flowed, a few times a second at most."""
        if not self._traffic:
            asyncio.get_running_loop().call_later(TRAFFIC_EVERY_S, self._tell_traffic)
        self._traffic.add(live.spec.id)

    def session_changed(self, live: LiveExposure) -> None:
        """Note which sshd holds the ports of an exposure now."""
        if live.spec.id:
            number, sessions = live.spec.id, dict(live.sessions)
            self._spawn(self._store.note_sessions(number, sessions), "sessions of an exposure")

    def forget(self, number: int) -> None:
        """Note its state anew when it is up again."""
        self._noted.pop(number, None)

    async def keep_noting(self) -> None:
        """Note states in the journal, for who looks from another process; until cancelled."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            changed, self._to_note = self._to_note, set()
            for number in changed & self._held.keys():
                shown = self._held[number].snapshot()
                news = (shown.state, shown.reason)
                if self._noted.get(number) != news:
                    self._noted[number] = news
                    with contextlib.suppress(JournalError):  # a full disk; the screen knows it
                        await self._store.note_state(number, *news)

    def _tell_traffic(self) -> None:
        flowed, self._traffic = self._traffic, set()
        for number in flowed & self._held.keys():
            self._events.publish(ExposureChanged(number))
