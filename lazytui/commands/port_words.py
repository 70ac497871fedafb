"""The words of ``expose``, ``unexpose`` and ``ports``: their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_ports(commands: Commands) -> None:
    """Add the three commands to the parser."""
    _add_expose(commands)
    unexpose = commands.add_parser("unexpose", help="end exposures and forget them")
    unexpose.add_argument("ids", nargs="*", metavar="ID", help="a number or a name")
    unexpose.add_argument("--all", action="store_true", help="all of them")
    ports = commands.add_parser("ports", help="what is exposed, and how it is")
    ports.add_argument("--json", action="store_true", help="a list of objects")
    actions = ports.add_subparsers(dest="action", metavar="ACTION")
    test = actions.add_parser("test", help="try an exposure from a client to the service")
    test.add_argument("id", metavar="ID", help="a number or a name")
    for action, words in (
        ("start", "take one up that is off"),
        ("stop", "off, but not forgotten"),
        ("restart", "try one that is up again from the beginning"),
    ):
        one = actions.add_parser(action, help=words)
        one.add_argument("id", metavar="ID", help="a number or a name")
    edit = actions.add_parser("edit", help="change an exposure; it stays as it was if that fails")
    edit.add_argument("id", metavar="ID", help="a number or a name")
    edit.add_argument(
        "services", nargs="*", metavar="PORT", help="other services: 8888, or 8888:9999"
    )
    edit.add_argument("--from", dest="source", metavar="HOST", help="another host has the service")
    edit.add_argument("--port", metavar="P", help="other ports where it becomes reachable")
    edit.add_argument("--name", metavar="NAME", help="call it so")
    edit.add_argument("--bind", metavar="ADDRESS", help="listen there")
    edit.add_argument("--public", action="store_true", help="yes, others may reach it")
    auto = actions.add_parser("auto", help="whether one is taken up when the engine starts")
    auto.add_argument("id", metavar="ID", help="a number or a name")
    auto.add_argument("auto", choices=("on", "off"))
    listening = actions.add_parser("suggest", help="what listens on a host and is not exposed")
    listening.add_argument("host", metavar="HOST")


def _add_expose(commands: Commands) -> None:
    expose = commands.add_parser("expose", help="make a port reachable elsewhere")
    expose.add_argument(
        "services",
        nargs="+",
        metavar="PORT",
        help="where the service is: 8888, 8000-8003, or 8888:9999 to be reachable as 9999",
    )
    expose.add_argument("--from", dest="source", metavar="HOST", help="the host with the service")
    way = expose.add_mutually_exclusive_group()
    way.add_argument("--to", metavar="WHERE", help="from the manager to these hosts")
    way.add_argument("--to-group", metavar="WHERE", help="from HOST to these hosts")
    way.add_argument(
        "--socks", action="store_true", help="a SOCKS 5 proxy on PORT, out through HOST"
    )
    expose.add_argument(
        "--port", metavar="P", help="where it becomes reachable; of 6000-6010 the first free one"
    )
    expose.add_argument(
        "--exclude", action="append", default=[], metavar="HOST", help="not on this member"
    )
    expose.add_argument("--name", default="", metavar="NAME", help="call it so")
    expose.add_argument(
        "--bind", default="127.0.0.1", metavar="ADDRESS", help="listen there (127.0.0.1)"
    )
    expose.add_argument(
        "--public", action="store_true", help="yes, others may reach it: for other addresses"
    )
    expose.add_argument(
        "--no-auto", dest="auto", action="store_false", help="not again when the engine starts"
    )
    expose.add_argument("--foreground", action="store_true", help="stay, and end it at the end")
    expose.add_argument("--json", action="store_true", help="an object")
