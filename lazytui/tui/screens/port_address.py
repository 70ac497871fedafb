"""The address of an exposure: opened in a browser, or copied with the line that leads there."""

from __future__ import annotations

import getpass
import socket
import sys
from typing import TYPE_CHECKING, cast

from lazytui.tui.clipboard import copy
from lazytui.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lazytui.core.exposure_model import Exposure
    from lazytui.tui.app import LazytuiApp
    from lazytui.tui.screens.base import EngineScreen

OPEN, URL, LINE = "o", "u", "l"


def ask_address(screen: EngineScreen, exposure: Exposure) -> None:
    """Offer what can be done with the address of an exposure's first port."""
    app = cast("LazytuiApp", screen.app)
    port = exposure.spec.services[0].port
    url = f"http://127.0.0.1:{port}/"
    line = f"ssh -L {port}:127.0.0.1:{port} {getpass.getuser()}@{socket.gethostname()}"
    choices = [(URL, f"copy {url}")]
    if exposure.spec.on_manager:
        choices.append((LINE, f"copy {line}"))
        if has_display(app.environ):
            choices.insert(0, (OPEN, f"open {url} in the browser"))

    def chosen(key: str | None) -> None:
        if key == OPEN:
            app.open_url(url)
        elif key is not None:
            app.notify(copy(screen.app, url if key == URL else line), markup=False)

    about = ("On another machine, run the ssh line there first; then the address works there too.",)
    if not exposure.spec.on_manager:
        about = ("It works on the hosts where the port is reachable.",)
    screen.open(ChoiceScreen("Address", about, choices, start=0), chosen)


def has_display(environ: Mapping[str, str]) -> bool:
    """Say whether a browser would come up where the user sits."""
    if environ.get("SSH_CONNECTION"):
        return False
    return sys.platform == "darwin" or bool(
        environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    )
