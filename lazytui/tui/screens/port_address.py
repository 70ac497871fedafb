"""The address of an exposure: opened in a browser, or copied with the line that leads there."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING, cast

from lazytui.core.exposure_model import LOOPBACK, Direction
from lazytui.tui.browser import has_display, open_page
from lazytui.tui.clipboard import copy
from lazytui.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lazytui.core.exposure_model import Exposure
    from lazytui.tui.app import LazytuiApp
    from lazytui.tui.screens.base import EngineScreen

OPEN, URL, LINE = "o", "u", "l"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
MOST_PORTS = 9  # to choose from, one digit each
ELSEWHERE = ("On another machine, run the ssh line there first; then it works there too.",)


def address_of(exposure: Exposure) -> str:
    """Give the address a client connects to: the one that was really bound, once it is."""
    address = next((row.address for row in exposure.rows if row.address), exposure.spec.bind)
    if address in EVERYWHERE:
        return LOOPBACK
    return f"[{address}]" if ":" in address else address


def url_of(exposure: Exposure, at: int = 0) -> str:
    """Give what a browser, or the setting of a proxy, takes."""
    scheme = "socks5h" if exposure.spec.direction is Direction.SOCKS else "http"
    return f"{scheme}://{address_of(exposure)}:{exposure.spec.services[at].port}"


def ssh_line(exposure: Exposure, environ: Mapping[str, str]) -> str:
    """Give the line that makes the same ports reachable on the user's own machine.

    Args:
        exposure: one with an end on the manager; of others there is nothing to reach here.
        environ: of the terminal: where the user came in by ssh, that is the address which works.

    Returns:
        An empty text for an exposure between hosts.
    """
    spec = exposure.spec
    if spec.direction is Direction.TO_GROUP:
        return ""
    ends = [(LOOPBACK, each.service) for each in spec.services]
    if spec.on_manager:
        ends = [(address_of(exposure), each.port) for each in spec.services]
    forwards = " ".join(f"-L {port}:{address}:{port}" for address, port in ends)
    return f"ssh -N {forwards} {_this_machine(environ)}"


def _this_machine(environ: Mapping[str, str]) -> str:
    user = getpass.getuser()
    words = environ.get("SSH_CONNECTION", "").split()
    if len(words) != 4:
        return f"{user}@{socket.gethostname()}"
    address, port = words[2:]
    return f"{user}@{address}" if port == "22" else f"-p {port} {user}@{address}"


def ask_address(screen: EngineScreen, exposure: Exposure) -> None:
    """Offer what can be done with an address of an exposure; of several, first ask which."""
    services = exposure.spec.services[:MOST_PORTS]
    if len(services) == 1:
        _ask(screen, exposure, 0)
        return

    def chosen(key: str | None) -> None:
        if key is not None:
            _ask(screen, exposure, int(key) - 1)

    left = len(exposure.spec.services) - len(services)
    about = (f"and {left} more",) if left else ()
    choices = [(str(at), url_of(exposure, at - 1)) for at in range(1, len(services) + 1)]
    screen.open(ChoiceScreen("Which port?", about, choices, start=0), chosen)


def _ask(screen: EngineScreen, exposure: Exposure, at: int) -> None:
    app = cast("LazytuiApp", screen.app)
    url = url_of(exposure, at)
    if not exposure.spec.on_manager:
        _offer(screen, url, ("It works on the hosts where the port is reachable.",))
        return
    line = ssh_line(exposure, app.environ)
    if exposure.spec.direction is Direction.SOCKS:
        _offer(screen, url, ELSEWHERE, (LINE, f"copy {line}"))
    else:
        offer_page(screen, url, line)


def offer_page(screen: EngineScreen, url: str, line: str) -> None:
    """Offer what can be done with a page of the manager: open it, copy it, or the way to it.

    Args:
        screen: where it is asked.
        url: of the page, as a browser on the manager takes it.
        line: the ssh line that makes it reachable on another machine.
    """
    app = cast("LazytuiApp", screen.app)
    opens = [(OPEN, f"open {url} in the browser")] if has_display(app.environ) else []
    _offer(screen, url, ELSEWHERE, (LINE, f"copy {line}"), first=opens)


def page_line(port: int, environ: Mapping[str, str]) -> str:
    """Give the ssh line that makes a port of the manager reachable on the user's own machine."""
    return f"ssh -N -L {port}:{LOOPBACK}:{port} {_this_machine(environ)}"


def _offer(
    screen: EngineScreen,
    url: str,
    about: Sequence[str],
    *more: tuple[str, str],
    first: Sequence[tuple[str, str]] = (),
) -> None:
    app = cast("LazytuiApp", screen.app)
    choices = [*first, (URL, f"copy {url}"), *more]
    copies = {key: words.removeprefix("copy ") for key, words in choices}

    async def show() -> None:
        if not await open_page(url, app.environ):
            said = copy(screen.app, url)
            app.notify(f"No browser could be started. {url}: {said}", markup=False)

    def chosen(key: str | None) -> None:
        if key == OPEN:
            screen.intend(show(), "browser")
        elif key is not None:
            app.notify(copy(screen.app, copies[key]), markup=False)

    screen.open(ChoiceScreen("Address", about, choices, start=0), chosen)


def copy_line(screen: EngineScreen, exposure: Exposure) -> None:
    """Copy the ssh line of an exposure, and show it: a clipboard may not be had."""
    app = cast("LazytuiApp", screen.app)
    line = ssh_line(exposure, app.environ)
    app.notify(f"{line}\n{copy(screen.app, line)}", markup=False)
