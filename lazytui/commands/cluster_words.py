"""The words of ``clusters``: its actions and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

KINDS = ("dask", "hyperopt")


def add_clusters(commands: Commands) -> None:
    """Add the command to the parser."""
    clusters = commands.add_parser(
        "clusters",
        help="Dask and Hyperopt on hosts",
        description="Clusters that the engine holds: a master, and workers on hosts that need not "
        "see each other. Without an action: lists them.",
    )
    clusters.add_argument("--json", action="store_true", help="a list of objects")
    actions = clusters.add_subparsers(dest="action", metavar="ACTION")
    _add_add(actions)
    check = _one(actions, "check", "look whether it could start: hosts, programs, versions")
    check.add_argument("--json", action="store_true", help="an object")
    _one(actions, "start", "check it, start it, and wait until it runs")
    stop = _one(actions, "stop", "end workers, exposures and master")
    stop.add_argument("--force", action="store_true", help="kill them instead of asking")
    scale = _one(actions, "scale", "add workers, or retire the youngest")
    scale.add_argument("workers", type=int, metavar="N", help="how many there shall be")
    logs = _one(actions, "logs", "what its parts printed last")
    logs.add_argument("part", nargs="?", metavar="PART", help="scheduler, mongod, w-0, ... only")
    _one(actions, "snippet", "the lines of Python with which a script uses it")
    _one(actions, "remove", "stop it, and forget it")


def _one(actions: Commands, action: str, words: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(action, help=words)
    parser.add_argument("name", metavar="NAME")
    return parser


def _add_add(actions: Commands) -> None:
    add = actions.add_parser("add", help="keep a definition; nothing is started")
    add.add_argument("name", metavar="NAME")
    add.add_argument("where", nargs="+", metavar="WHERE", help="its hosts, looked up at each start")
    add.add_argument("--kind", choices=KINDS, default="dask", help="what runs there (dask)")
    add.add_argument("--workers", type=int, metavar="N", help="how many (one on each host)")
    add.add_argument(
        "--master", default="", metavar="HOST", help="the scheduler of Dask runs there (here)"
    )
    add.add_argument(
        "--port", type=int, metavar="P", help="of the master, everywhere (the first free one)"
    )
    add.add_argument("--dbpath", default="", metavar="DIR", help="Hyperopt: keep the database here")
    add.add_argument(
        "--dbname", default="hyperopt", metavar="NAME", help="Hyperopt: of the database"
    )
    add.add_argument(
        "--poll",
        type=float,
        default=0.1,
        metavar="S",
        help="Hyperopt: seconds between two looks for a trial (0.1)",
    )
