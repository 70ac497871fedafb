"""The words of the command line: every command with its options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lazytui import __version__
from lazytui.commands.cluster_words import add_clusters
from lazytui.commands.port_words import add_ports

EPILOG = """\
WHERE is a node set (gpu[01-04]), @group, or a filter (gpu>=1 mem>32G state:up); '*' is every host.
Exit codes: 0 all fine, 1 some run failed, 2 usage, 3 some host not reached, 130 interrupted."""


def parser(kind: type[argparse.ArgumentParser] | None = None) -> argparse.ArgumentParser:
    """Make the parser.

    Args:
        kind: another class for it and for those of the commands, one that does not print.
    """
    parser = (kind or argparse.ArgumentParser)(
        prog="lazytui",
        description="Control a cluster of SSH hosts. Without a command: the screen.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lazytui {__version__}")
    parser.add_argument(
        "-F", dest="ssh_config", metavar="FILE", help="another ssh config, as ssh's -F"
    )
    add_look(parser)
    parser.add_argument(
        "--in-process",
        action="store_true",
        help="the screen without an engine: what it holds ends with it",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_hosts(commands)
    _add_run(commands)
    _add_files(commands)
    _add_tasks(commands)
    _add_again(commands)
    _add_events(commands)
    _add_groups(commands)
    add_ports(commands)
    add_clusters(commands)
    _add_editing(commands)
    commands.add_parser("attach", help="the screen of the engine, which is started if none runs")
    commands.add_parser("stop-engine", help="end the engine; jobs go on at their hosts")
    doctor = commands.add_parser("doctor", help="what runs, what is wrong, what to do")
    doctor.add_argument("--json", action="store_true", help="a list of objects")
    shell = commands.add_parser("shell", help="a shell on a host, on this terminal")
    shell.add_argument("host", metavar="HOST")
    commands.add_parser("reach").add_argument("where", nargs=1, metavar="HOST")
    demo = commands.add_parser("demo", help="pretend hosts, no network: look around")
    demo.add_argument("--hosts", type=int, default=8, metavar="N", help="how many (8)")
    demo.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="-- WORDS",
        help="a lazytui command to run on the pretend hosts instead of the screen",
    )
    return parser


def add_look(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how one terminal wants its screens."""
    look = parser.add_argument_group("how the screen looks")
    look.add_argument("--theme", choices=("dark", "light", "ansi"), help="dark; ansi: 16 colours")
    look.add_argument("--ascii", action="store_true", help="symbols in ASCII")
    look.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    look.add_argument("--readonly", action="store_true", help="look on only, change nothing")


def _add_hosts(commands: Commands) -> None:
    hosts = commands.add_parser(
        "hosts", aliases=["list-runtimes"], help="detect and list the hosts"
    )
    hosts.add_argument("-l", dest="details", action="store_true", help="latency and address too")
    hosts.add_argument("--json", action="store_true", help="a list of objects")
    hosts.add_argument("--offline", action="store_true", help="what the ssh config says only")
    hosts.add_argument("where", nargs="*", metavar="WHERE")


def _add_run(commands: Commands) -> None:
    run = commands.add_parser("run", help="run a command on hosts")
    run.add_argument(
        "-w", dest="where", action="append", default=[], metavar="WHERE", help="on which hosts"
    )
    _add_showing(run)
    way = run.add_mutually_exclusive_group()
    way.add_argument("--least-busy", action="store_true", help="on the least busy of them only")
    way.add_argument("--batch", type=int, metavar="N", help="N hosts at a time (all at once)")
    way.add_argument(
        "--one-at-a-time", dest="batch", action="store_const", const=1, help="as --batch 1"
    )
    run.add_argument(
        "--when", metavar="NEEDS", help="wait until a host has this free: 'gpu>=1 mem>16G'"
    )
    run.add_argument("--after", metavar="ID", help="wait until this task is over")
    run.add_argument("--after-ok", action="store_true", help="only if all of it succeeded")
    run.add_argument("--task", metavar="FILE.toml", help="run the steps of a file, not a CMD")
    run.add_argument(
        "--function", metavar="WHAT", help="call MODULE:FUNC or FILE.py:FUNC, then NAME=VALUE ..."
    )
    run.add_argument("--kwargs", metavar="JSON", help="its arguments as an object")
    run.add_argument("--stop-on-failure", action="store_true", help="after a failure start no more")
    run.add_argument(
        "--timeout", metavar="T", help="end each run after 30s, 5m, 2h: INT, then KILL"
    )
    run.add_argument(
        "--task-timeout",
        metavar="T",
        help="end all its runs so long after the first start, and start no more",
    )
    run.add_argument("--dry-run", action="store_true", help="tell what would run where, only")
    run.add_argument("--cwd", metavar="DIR", help="directory on the hosts (the home)")
    run.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="set a variable"
    )
    run.add_argument("--tty", action="store_true", help="give the command a terminal")
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="-- CMD")


def _add_showing(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is shown of runs, and until when."""
    parser.add_argument("-b", dest="gather", action="store_true", help="gather equal outputs")
    parser.add_argument("--json", action="store_true", help="one object a line, as they finish")
    parser.add_argument("--detach", action="store_true", help="leave when it has started")
    parser.add_argument("--maxrc", action="store_true", help="exit with the highest remote code")


def _add_files(commands: Commands) -> None:
    send = commands.add_parser(
        "send",
        help="send files and folders to hosts",
        description="Of several paths the last is REMOTE: in it, if it is a folder there, as with "
        "cp. Without it: in the home. What is there unchanged is not sent again; what was cut is "
        "continued.",
    )
    send.add_argument("paths", nargs="+", metavar="LOCAL... [REMOTE]")
    get = commands.add_parser(
        "get",
        help="get a file or a folder from hosts",
        description="In LOCAL, if it is a folder, as with cp; by default here. From several hosts "
        "each lands in a folder of its own: LOCAL/HOST/NAME.",
    )
    get.add_argument("remote", metavar="REMOTE")
    get.add_argument("local", nargs="?", default="./", metavar="LOCAL")
    for parser in (send, get):
        parser.add_argument(
            "-w", dest="where", action="append", default=[], metavar="WHERE", help="which hosts"
        )
        parser.add_argument(
            "--checksum", action="store_true", help="compare contents, not size and time only"
        )
        parser.add_argument("--json", action="store_true", help="one object a line, as they finish")


def _add_tasks(commands: Commands) -> None:
    tasks = commands.add_parser("tasks", help="what runs and what ran")
    tasks.add_argument("--json", action="store_true", help="a list of objects, newest first")
    tasks.add_argument("-n", dest="limit", type=int, default=50, help="how many runs (50)")
    logs = commands.add_parser("logs", help="the output of a run")
    ids = "a task (41), 41@HOST, the begin of a run id, or a task's name (the newest)"
    logs.add_argument("id", metavar="ID", help=ids)
    logs.add_argument("-f", dest="follow", action="store_true", help="follow until it ends")
    stop = commands.add_parser("stop", help="send a signal to a run")
    stop.add_argument("id", metavar="ID", help="a task (41), 41@HOST, or the begin of a run id")
    help_text = "INT; if it was told to stop before, KILL"
    stop.add_argument("--signal", type=_signal, metavar="S", help=help_text)


def _add_again(commands: Commands) -> None:
    again = commands.add_parser(
        "again",
        help="run a task again",
        description="All its steps, where it ran before. What still runs of it goes on beside, "
        "unless --stop ends it first.",
    )
    again.add_argument("id", metavar="ID", help="a task (41), 41@HOST, or the begin of a run id")
    which = again.add_mutually_exclusive_group()
    which.add_argument("--failed", action="store_true", help="only where it did not succeed")
    which.add_argument(
        "-w", dest="where", action="append", default=[], metavar="WHERE", help="on other hosts"
    )
    again.add_argument(
        "--stop", action="store_true", help="stop what runs there first: INT, then KILL"
    )
    _add_showing(again)


def _add_events(commands: Commands) -> None:
    events = commands.add_parser(
        "events",
        help="who did what",
        description="What was done with lazytui, newest first: who, what, to what, where, and what "
        "came of it. A word shows only lines with it; with ! before it, only those without.",
    )
    events.add_argument("words", nargs="*", metavar="WORD")
    events.add_argument("--json", action="store_true", help="a list of objects; -f: one a line")
    events.add_argument("-n", dest="limit", type=int, default=50, help="how many (50)")
    events.add_argument(
        "-f", dest="follow", action="store_true", help="the newest last, and what comes"
    )


def _add_editing(commands: Commands) -> None:
    add = commands.add_parser(
        "add-runtime",
        help="add a host to the ssh config",
        description="Adds a Host block and leaves every other line as it is. What was there before "
        "is kept beside the file.",
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument("to", metavar="[USER@]HOST[:PORT]")
    add.add_argument("--id-file", metavar="F", help="a private key for it (IdentityFile)")
    add.add_argument("--jump", metavar="HOSTS", help="over these hosts (ProxyJump)")
    delete = commands.add_parser(
        "delete-runtime",
        help="remove a host from the ssh config",
        description="Removes the block of a host, or its name from a Host line with others.",
    )
    delete.add_argument("name", metavar="NAME")
    for parser in (add, delete):
        parser.add_argument("--dry-run", action="store_true", help="only show the change")


def _add_groups(commands: Commands) -> None:
    groups = commands.add_parser("groups", help="named sets of hosts")
    groups.add_argument("--json", action="store_true", help="a list of objects")
    groups.add_argument("--offline", action="store_true", help="connect to nothing: names only")
    actions = groups.add_subparsers(dest="action", metavar="ACTION")
    add = actions.add_parser("add", help="keep a set of hosts by name")
    add.add_argument("name", metavar="NAME")
    add.add_argument("where", nargs="+", metavar="WHERE")
    add.add_argument(
        "--live", action="store_true", help="keep WHERE itself: who is in it changes with the hosts"
    )
    rename = actions.add_parser("rename", help="give a group another name")
    rename.add_argument("old", metavar="OLD")
    rename.add_argument("new", metavar="NEW")
    remove = actions.add_parser("remove", help="forget a group")
    remove.add_argument("name", metavar="NAME")


def _signal(text: str) -> str:
    return text.upper().removeprefix("SIG")


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
