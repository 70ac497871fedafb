"""Every key of the screens, as data: an id, its keys, what it does, and where.

Screens bind by scope with :func:`bindings`; the action of a key is its id (``page-down`` calls
``action_page_down``). The key bar and the help are made from the same data, so that what is
shown is what is bound.

Keys that a terminal, a multiplexer or a shell keeps for itself stay free: ``ctrl+a``,
``ctrl+b``, ``ctrl+s``, ``ctrl+h/i/m/j/k/l``, everything with ``alt``; a function key is an
alias at most.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding
from textual.keys import key_to_character


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a key does.

    Args:
        id: the name to remap it by, and the action it calls.
        keys: Textual's names of the keys; the first is the one shown.
        text: one or two words for the key bar, a verb where there is one.
        help: a sentence for the help.
        scope: where it works.
        bar: it is shown in the key bar while it can do something.
        priority: it works whatever has the focus; never for a key that prints.
    """

    id: str
    keys: tuple[str, ...]
    text: str
    help: str
    scope: str
    bar: bool = False
    priority: bool = False

    @property
    def shown(self) -> str:
        """The first key as people write it: ``esc``, ``?``, ``pgdn``."""
        return shown_key(self.keys[0])

    @property
    def action(self) -> str:
        """The name of the action, without ``action_``."""
        return self.id.replace("-", "_")


SHOWN_KEYS = {
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
    "space": "space",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "at": "@",
    "backslash": "\\",
    "underscore": "_",
}


def shown_key(key: str) -> str:
    """Give the name of a key as people write it: ``question_mark`` is ``?``."""
    *modifiers, last = key.split("+")
    character = key_to_character(last) or ""
    shown = SHOWN_KEYS.get(last) or (character if character.isprintable() else "") or last
    return "+".join([*modifiers, shown])


# Headings of the help; a scope without one goes on under the heading before it.
SCOPE_TITLES = {
    "hosts": "Hosts",
    "groups": "Groups",
    "group": "Group",
    "tasks": "Tasks",
    "events": "Events",
    "files": "Files",
    "transfers": "Transfers",
    "view": "File",
    "ports": "Ports",
    "port-form": "Expose a port",
    "host-form": "Add a host",
    "clusters": "Clusters",
    "cluster-form": "New cluster",
    "cluster-log": "Log",
    "snippet": "Client",
    "filter": "Filter",
    "host": "Host",
    "output": "Output",
    "steps": "Steps",
    "outcomes": "Output of a task",
    "compare": "Compare",
    "editor": "Task editor",
    "step": "Step",
    "files-tree": "Files",
    "prompt": "Run",
    "path": "Save",
    "menu": "Menu",
    "list": "Moving",
    "text": "Moving",
    "global": "Everywhere",
}

KEYMAP: tuple[Key, ...] = (
    # Hosts
    Key("run", ("r",), "run", "Run a command on the marked hosts, or this one", "hosts", bar=True),
    Key("shell", ("s",), "shell", "Open a shell on this host", "hosts", bar=True),
    Key("logs", ("l",), "output", "Output of the last run on this host", "hosts", bar=True),
    Key("files", ("f",), "files", "Files: here and on this host", "hosts", bar=True),
    Key("ports", ("p",), "ports", "The ports of this host that are exposed", "hosts", bar=True),
    Key("find", ("slash",), "filter", "Show only some hosts, while you type", "hosts", bar=True),
    Key("open", ("enter", "d"), "details", "All about this host", "hosts", bar=True),
    Key("mark", ("space",), "mark", "Mark this host, or unmark it", "hosts", bar=True),
    Key(
        "refresh", ("R",), "try now", "Try the marked hosts, or this one, again", "hosts", bar=True
    ),
    Key("sort", ("o",), "sort", "Choose by what hosts are sorted", "hosts", bar=True),
    Key("mark-range", ("v",), "range", "Mark a range: begin here, end with it again", "hosts"),
    Key("mark-all", ("asterisk",), "mark all", "Mark all hosts shown, or none", "hosts"),
    Key("columns", ("c",), "columns", "Choose which columns are shown", "hosts"),
    Key("sort-reverse", ("O",), "reverse", "Sort the other way round", "hosts"),
    Key("fold-open", ("right",), "unfold", "Show the hosts of this row", "hosts"),
    Key("fold-close", ("left",), "fold", "Put hosts down for the same reason in one row", "hosts"),
    Key("fold-all", ("F",), "unfold all", "Give every host a row of its own, or fold", "hosts"),
    Key("groups", ("at",), "groups", "The groups: show one, change it, run on it", "hosts"),
    Key("group-new", ("n",), "group", "Make a group: marked hosts, filter, or typed", "hosts"),
    Key("add", ("a",), "add", "Add a host to the ssh config; shows the lines first", "hosts"),
    Key("delete", ("D",), "take out", "Take this host out of the ssh config; asks first", "hosts"),
    Key("new-cluster", ("C",), "cluster", "Make a cluster: marked hosts, or filter", "hosts"),
    # Files
    Key("open", ("enter",), "open", "Go into this folder, or read the file", "files", bar=True),
    Key(
        "copy-across",
        ("c",),
        "copy",
        "Copy the marked files, or this, to the folder at the other side",
        "files",
        bar=True,
    ),
    Key("copy-all", ("C",), "to all", "Send them to several hosts at once", "files", bar=True),
    Key("focus-next", ("tab",), "other side", "Go to the other side", "files", bar=True),
    Key("host", ("a",), "host", "Choose the host of the other side", "files", bar=True),
    Key("mark", ("space",), "mark", "Mark this file, or unmark it", "files", bar=True),
    Key("cancel", ("x",), "stop", "Stop transfers; they can go on later", "files", bar=True),
    Key("transfers", ("t",), "transfers", "All transfers; let some go on", "files", bar=True),
    Key("edit", ("e",), "edit", "Edit this file in $EDITOR", "files", bar=True),
    Key("rename", ("m",), "rename", "Rename or move it; several into a folder", "files", bar=True),
    Key("delete", ("D",), "delete", "Delete the marked, or this; asks first", "files", bar=True),
    Key("path", ("p",), "go to", "Go to a folder by its path", "files", bar=True),
    Key("mkdir", ("n",), "folder", "Make a folder", "files", bar=True),
    Key("sort", ("o",), "sort", "Choose by what files are sorted", "files", bar=True),
    Key("sort-reverse", ("O",), "reverse", "Sort the other way round", "files"),
    Key("parent", ("backspace", "left"), "up", "Go to the folder around this one", "files"),
    Key("mark-range", ("v",), "range", "Mark a range: begin here, end with it again", "files"),
    Key("mark-all", ("asterisk",), "mark all", "Mark all that is shown, or nothing", "files"),
    Key("hidden", ("h",), "hidden", "Show hidden files, or not", "files"),
    Key("refresh", ("R",), "look again", "Look into both folders again", "files"),
    # Transfers
    Key("open", ("enter", "l"), "output", "What it has to say", "transfers", bar=True),
    Key("go-on", ("r",), "go on", "Go on from where it is", "transfers", bar=True),
    Key("stop", ("x",), "stop", "Stop it; it can go on later", "transfers", bar=True),
    Key("mark", ("space",), "mark", "Mark this transfer, or unmark it", "transfers", bar=True),
    Key("mark-all", ("asterisk",), "mark all", "Mark all transfers, or none", "transfers"),
    # A file
    Key("find", ("slash",), "find", "Find a text, or /an expression/", "view", bar=True),
    Key("next-match", ("n",), "next", "Next match", "view", bar=True),
    Key("prev-match", ("N",), "previous", "Match before", "view", bar=True),
    Key("filter", ("ampersand",), "filter", "Only matching lines, or all", "view", bar=True),
    Key("wrap", ("w",), "wrap", "Long lines go on below, or to the right", "view", bar=True),
    Key("editor", ("e",), "pager", "Read it in $PAGER", "view", bar=True),
    # Ports
    Key("add", ("a",), "expose", "Make a port reachable elsewhere", "ports", bar=True),
    Key("open", ("enter", "d"), "details", "All about this exposure", "ports", bar=True),
    Key("test", ("t",), "test", "Try it from a client to the service", "ports", bar=True),
    Key("stop", ("x",), "stop", "Take it down; it is not forgotten", "ports", bar=True),
    Key("restart", ("r",), "start", "Take it up, or try again now", "ports", bar=True),
    Key("edit", ("e",), "edit", "Change its ports, its hosts or its name", "ports", bar=True),
    Key("browser", ("b",), "address", "Open or copy its address", "ports", bar=True),
    Key("copy", ("y",), "ssh line", "Copy the ssh -L line for your laptop", "ports", bar=True),
    Key("auto", ("A",), "auto", "Take it up when the engine starts, or not", "ports", bar=True),
    Key("delete", ("D",), "remove", "End it and forget it; asks first", "ports", bar=True),
    Key("suggest", ("n",), "listening", "What listens there and is not exposed", "ports", bar=True),
    Key("find", ("slash",), "filter", "Show only some ports, while you type", "ports", bar=True),
    Key("sort", ("o",), "sort", "Choose by what ports are sorted", "ports", bar=True),
    Key("sort-reverse", ("O",), "reverse", "Sort the other way round", "ports"),
    # The form of a port
    Key(
        "submit", ("enter",), "expose", "Expose or change it, from any field", "port-form", bar=True
    ),
    Key("next-field", ("tab", "down"), "next field", "The next field", "port-form", bar=True),
    Key("previous-field", ("up",), "field before", "The field before", "port-form"),
    Key("option-previous", ("left",), "option before", "Choose the option before", "port-form"),
    Key("option-next", ("right",), "option after", "Choose the option after", "port-form"),
    Key("back", ("escape",), "back", "Back; nothing is done", "port-form", bar=True),
    # Clusters
    Key("add", ("a",), "new", "Make a cluster: Dask or Hyperopt", "clusters", bar=True),
    Key("start", ("r",), "start", "Start it, or stop it and start it again", "clusters", bar=True),
    Key("stop", ("x",), "stop", "Stop it; says what would end", "clusters", bar=True),
    Key("client", ("i",), "client", "The lines with which a script uses it", "clusters", bar=True),
    Key("browser", ("b",), "dashboard", "Open or copy its dashboard", "clusters", bar=True),
    Key("logs", ("l",), "log", "What its master or a worker printed", "clusters", bar=True),
    Key("edit", ("e",), "edit", "Change it while it is stopped", "clusters", bar=True),
    Key("scale-up", ("plus",), "more", "One worker more", "clusters", bar=True),
    Key("scale-down", ("minus",), "fewer", "One less: the youngest goes", "clusters", bar=True),
    Key("delete", ("D",), "delete", "Stop it and forget it; asks first", "clusters", bar=True),
    Key("focus-next", ("tab",), "workers", "Go to its workers, or back", "clusters", bar=True),
    Key("find", ("slash",), "filter", "Show only some, while you type", "clusters", bar=True),
    Key("kill", ("X",), "kill", "Kill all of it at once; asks first", "clusters", bar=True),
    Key("sort", ("o",), "sort", "Choose by what clusters are sorted", "clusters", bar=True),
    Key("open", ("enter", "d"), "workers", "Its workers; on one, what it printed", "clusters"),
    Key("sort-reverse", ("O",), "reverse", "Sort the other way round", "clusters"),
    # The form of a cluster
    Key("submit", ("enter",), "do it", "Keep it, and start it if it can", "cluster-form", bar=True),
    Key("check", ("ctrl+t",), "check", "Look whether it could start", "cluster-form", bar=True),
    Key("next-field", ("tab", "down"), "next field", "The next field", "cluster-form", bar=True),
    Key("previous-field", ("up",), "field before", "The field before", "cluster-form"),
    Key("page-up", ("pageup",), "page up", "Read what was found from above", "cluster-form"),
    Key("page-down", ("pagedown",), "page down", "Read on what was found", "cluster-form"),
    Key("option-previous", ("left",), "option before", "Choose the option before", "cluster-form"),
    Key("option-next", ("right",), "option after", "Choose the option after", "cluster-form"),
    Key("back", ("escape",), "back", "Back; nothing is done", "cluster-form", bar=True),
    # What a cluster printed, and how it is used
    Key("refresh", ("R",), "read again", "Read what was printed since", "cluster-log", bar=True),
    Key("copy", ("y", "enter"), "copy", "Copy these lines", "snippet", bar=True),
    Key("back", ("escape", "q"), "back", "Back", "snippet", bar=True),
    # The form of a host
    Key("submit", ("enter",), "show it", "Show what would be written", "host-form", bar=True),
    Key("next-field", ("tab", "down"), "next field", "The next field", "host-form", bar=True),
    Key("previous-field", ("up",), "field before", "The field before", "host-form"),
    Key("back", ("escape",), "back", "Back; nothing is written", "host-form", bar=True),
    # Groups
    Key(
        "group-show", ("enter",), "show", "Show only these hosts, or all again", "groups", bar=True
    ),
    Key("group-run", ("r",), "run", "Run a command on these hosts", "groups", bar=True),
    Key(
        "group-new",
        ("n",),
        "new",
        "Make a group of the marked hosts, of the filter, or of what you type",
        "groups",
        bar=True,
    ),
    Key("new-cluster", ("C",), "cluster", "Make a cluster of these hosts", "groups", bar=True),
    Key("group-edit", ("e",), "edit", "Change its name or its hosts", "groups", bar=True),
    Key("group-remove", ("D",), "forget", "Forget the group; asks first", "groups", bar=True),
    Key("cursor-down", ("down", "j"), "down", "Down", "groups"),
    Key("cursor-up", ("up", "k"), "up", "Up", "groups"),
    Key("top", ("g", "home"), "top", "First row", "groups"),
    Key("bottom", ("G", "end"), "bottom", "Last row", "groups"),
    Key("back", ("escape", "at"), "back", "Back to the hosts", "groups", bar=True),
    # One group
    Key("submit", ("enter",), "keep", "Keep the group, from any field", "group", bar=True),
    Key("next-field", ("tab", "down"), "next field", "The next field", "group", bar=True),
    Key("previous-field", ("up",), "field before", "The field before", "group"),
    Key("option-previous", ("left",), "option before", "Choose the option before", "group"),
    Key("option-next", ("right",), "option after", "Choose the option after", "group"),
    Key("back", ("escape",), "back", "Back; nothing is changed", "group", bar=True),
    # The line of a filter
    Key("submit", ("enter",), "keep", "Keep the filter, back to the list", "filter", bar=True),
    Key("back", ("escape",), "clear", "Take the filter away", "filter", bar=True),
    Key("cursor-down", ("down",), "down", "Down in the list", "filter", bar=True),
    Key("cursor-up", ("up",), "up", "Up in the list", "filter", bar=True),
    # One host
    Key("tab-prev", ("left_square_bracket", "left"), "tab before", "Tab before", "host"),
    Key(
        "tab-next",
        ("right_square_bracket", "right", "tab"),
        "next tab",
        "Next tab",
        "host",
        bar=True,
    ),
    Key("run", ("r",), "run", "Run a command on this host", "host", bar=True),
    Key("shell", ("s",), "shell", "Open a shell on this host", "host", bar=True),
    Key("logs", ("l", "enter"), "output", "Output of this run, or of the last", "host", bar=True),
    Key("files", ("f",), "files", "Files: here and on this host", "host", bar=True),
    Key("ports", ("p",), "ports", "The ports of this host that are exposed", "host", bar=True),
    Key("refresh", ("R",), "try now", "Try this host again now", "host", bar=True),
    Key("copy", ("y",), "copy ssh line", "Copy the command that connects", "host", bar=True),
    # Tasks
    Key("open", ("l", "enter", "d"), "output", "Output of this task", "tasks", bar=True),
    Key("rerun", ("r",), "again", "Run the marked tasks, or this one, again", "tasks", bar=True),
    Key("stop", ("x",), "stop", "Stop what runs of the marked: choose a signal", "tasks", bar=True),
    Key("new", ("n",), "new", "Make a task of several steps", "tasks", bar=True),
    Key("edit-rerun", ("e",), "edit", "Change its steps, then run it", "tasks", bar=True),
    Key("save-command", ("a",), "save", "Keep it as a saved command", "tasks", bar=True),
    Key("find", ("slash",), "filter", "Show only some tasks, while you type", "tasks", bar=True),
    Key("failed", ("f",), "failed", "Show only what failed or was lost, or all", "tasks", bar=True),
    Key("mark", ("space",), "mark", "Mark this task, or unmark it", "tasks", bar=True),
    Key("sort", ("o",), "sort", "Choose by what tasks are sorted", "tasks", bar=True),
    Key("kill", ("X",), "kill", "Kill what runs of the marked, asks first", "tasks", bar=True),
    Key(
        "delete",
        ("D",),
        "forget",
        "Forget the marked and their output, asks first",
        "tasks",
        bar=True,
    ),
    Key("sort-reverse", ("O",), "reverse", "Sort the other way round", "tasks"),
    Key("mark-range", ("v",), "range", "Mark a range: begin here, end with it again", "tasks"),
    Key("mark-all", ("asterisk",), "mark all", "Mark all tasks shown, or none", "tasks"),
    # Events
    Key("find", ("slash",), "filter", "Show only some events, while you type", "events", bar=True),
    Key("save", ("S",), "save", "Save the events shown to a file", "events", bar=True),
    Key("sort-reverse", ("O",), "reverse", "The oldest first, or the newest", "events", bar=True),
    Key("refresh", ("R",), "read again", "Read what was done elsewhere", "events", bar=True),
    # One line of text
    Key("submit", ("enter",), "go", "Take the text", "ask", bar=True),
    Key("back", ("escape",), "back", "Back; nothing is done", "ask", bar=True),
    # Output
    Key("find", ("slash",), "find", "Find a text, or /an expression/", "output", bar=True),
    Key("next-match", ("n",), "next", "Next match", "output", bar=True),
    Key("prev-match", ("N",), "previous", "Match before", "output", bar=True),
    Key("filter", ("ampersand",), "filter", "Only matching lines, or all", "output", bar=True),
    Key("follow", ("f",), "follow", "Follow the end as output comes, or stay", "output", bar=True),
    Key("stop", ("x",), "stop", "Stop this run: choose a signal", "output", bar=True),
    Key("wrap", ("w",), "wrap", "Long lines go on below, or to the right", "output", bar=True),
    Key("timestamps", ("t",), "time", "Time of day, since the start, none", "output", bar=True),
    Key("host-next", ("h",), "next host", "The same task on the next host", "output", bar=True),
    Key("compare", ("c",), "compare", "With the run before, or another host", "output", bar=True),
    Key("rerun", ("r",), "again", "Run it again on this host", "output", bar=True),
    Key("save", ("S",), "save", "Save the output to a file", "output", bar=True),
    Key("copy", ("y",), "copy", "Copy lines to the clipboard", "output", bar=True),
    Key("editor", ("e",), "pager", "Read the raw output in $PAGER", "output"),
    Key("mark-line", ("M",), "mark", "Draw a line under what is there now", "output", bar=True),
    Key(
        "progress",
        ("p",),
        "progress",
        "Every state of a progress bar, or the last",
        "output",
        bar=True,
    ),
    # The line in which one types what to find
    Key("submit", ("enter",), "go there", "Go to what is found", "find-text", bar=True),
    # Output of a run of several steps
    Key("step-toggle", ("enter",), "fold", "Fold this step, or open it", "steps", bar=True),
    Key("fold-all", ("F",), "fold all", "Fold all steps, or open all", "steps", bar=True),
    Key("steps", ("s",), "steps", "Go to the output of one of its steps", "steps", bar=True),
    Key("step-next", ("right_square_bracket",), "next step", "To the next step", "steps"),
    Key("step-prev", ("left_square_bracket",), "step before", "To the step before", "steps"),
    # Output of a task on many hosts
    Key("open", ("enter", "l"), "output", "All the output of one host", "outcomes", bar=True),
    Key("merge", ("m",), "mode", "Grouped, merged, per host", "outcomes", bar=True),
    Key("rerun", ("r",), "run on these", "Run on the hosts of this group", "outcomes", bar=True),
    Key(
        "reference", ("equals_sign",), "reference", "Compare with this group", "outcomes", bar=True
    ),
    Key("compare", ("c",), "compare", "What differs from the reference", "outcomes", bar=True),
    Key("follow", ("f",), "follow", "Follow the end as lines come, or stay", "outcomes", bar=True),
    Key("stop", ("x",), "stop", "Stop what still runs: choose a signal", "outcomes", bar=True),
    Key("kill", ("X",), "kill", "Kill what still runs, after a question", "outcomes"),
    Key("save", ("S",), "save", "Save the output of all hosts", "outcomes", bar=True),
    Key("copy", ("y",), "copy", "Copy the hosts of this group", "outcomes", bar=True),
    Key("show-more", ("right",), "more", "Show more lines of this group", "outcomes"),
    Key("show-less", ("left",), "less", "Show fewer lines of this group", "outcomes"),
    # A task of several steps
    Key("open", ("enter", "e"), "edit", "Change what the cursor is on", "editor", bar=True),
    Key("add", ("a",), "add", "Add a step after this one", "editor", bar=True),
    Key("run", ("r",), "run", "Run the task", "editor", bar=True),
    Key("dry-run", ("t", "ctrl+t"), "dry run", "Say what it would do where", "editor", bar=True),
    Key("save", ("S",), "save", "Save as a file or a saved command", "editor", bar=True),
    Key("step-down", ("J",), "later", "Let this step come later", "editor", bar=True),
    Key("step-up", ("K",), "earlier", "Let this step come earlier", "editor", bar=True),
    Key("delete", ("D",), "take away", "Take this step away", "editor", bar=True),
    Key("pick", ("ctrl+o",), "open file", "Open a task file instead", "editor", bar=True),
    Key("submit", ("enter",), "keep", "Keep the step, from any field", "step", bar=True),
    Key("next-field", ("tab", "down"), "next field", "The next field", "step", bar=True),
    Key("previous-field", ("up",), "field before", "The field before", "step"),
    Key("pick", ("ctrl+o",), "choose file", "Choose a path from a tree", "step", bar=True),
    Key("back", ("escape",), "back", "Back; the step stays as it was", "step", bar=True),
    Key("choose", ("enter",), "take it", "Take this file or folder", "files-tree", bar=True),
    Key("fold-open", ("right", "l"), "open", "Show what is in a folder", "files-tree", bar=True),
    Key("fold-close", ("left", "h"), "close", "Put it away again", "files-tree", bar=True),
    Key("parent", ("backspace",), "up", "Begin one folder further up", "files-tree", bar=True),
    Key("cursor-down", ("down", "j"), "down", "Down", "files-tree"),
    Key("cursor-up", ("up", "k"), "up", "Up", "files-tree"),
    Key("back", ("escape",), "back", "Back; nothing is chosen", "files-tree", bar=True),
    # Two outputs
    Key("next-match", ("n",), "next", "Next difference", "compare", bar=True),
    Key("prev-match", ("N",), "previous", "Difference before", "compare", bar=True),
    Key("open", ("enter",), "open", "Show equal lines put away, or not", "compare", bar=True),
    Key("ignore", ("i",), "ignore", "Choose what makes no difference", "compare", bar=True),
    Key("host-next", ("h",), "other", "Compare with the next one", "compare", bar=True),
    Key("reference", ("equals_sign",), "swap", "Let the sides change places", "compare", bar=True),
    Key("save", ("S",), "save", "Save the comparison to a file", "compare", bar=True),
    Key("refresh", ("R",), "read again", "Read both outputs again", "compare"),
    Key("text-left", ("left",), "left", "What is further left", "compare"),
    Key("text-right", ("right",), "right", "What is further right", "compare"),
    # Run
    Key("submit", ("enter",), "run", "Run the command, from any field", "prompt", bar=True),
    Key(
        "next-field",
        ("tab",),
        "next field",
        "The next field; shift+tab goes back",
        "prompt",
        bar=True,
    ),
    Key("dry-run", ("ctrl+t",), "dry run", "Say in full what would be done", "prompt", bar=True),
    Key(
        "history-search",
        ("ctrl+r",),
        "search",
        "Search the commands that were run",
        "prompt",
        bar=True,
    ),
    Key("edit", ("ctrl+o", "f4"), "edit", "Edit the command in $EDITOR", "prompt"),
    Key("older", ("up",), "before", "The command before; elsewhere the field above", "prompt"),
    Key("newer", ("down",), "after", "The command after; elsewhere the field below", "prompt"),
    Key("option-previous", ("left",), "option before", "Choose the option before", "prompt"),
    Key("option-next", ("right",), "option after", "Choose the option after", "prompt"),
    Key("back", ("escape",), "back", "Back; the text is kept", "prompt", bar=True),
    Key("submit", ("enter",), "save", "Write the file", "path", bar=True),
    Key("back", ("escape",), "back", "Back; nothing is written", "path", bar=True),
    # Small menus, the help
    Key("choose", ("enter",), "choose", "Choose the highlighted answer", "menu", bar=True),
    Key("previous", ("up",), "up", "Highlight the answer above", "menu"),
    Key("next", ("down",), "down", "Highlight the answer below", "menu"),
    Key("back", ("escape",), "back", "Back; nothing is done", "menu", bar=True),
    Key(
        "tick",
        ("space",),
        "show or hide",
        "Show the highlighted column, or not",
        "columns",
        bar=True,
    ),
    Key("previous", ("up",), "up", "Highlight the column above", "columns"),
    Key("next", ("down",), "down", "Highlight the column below", "columns"),
    Key("back", ("escape", "enter"), "back", "Back; what is ticked is shown", "columns", bar=True),
    Key("choose", ("enter",), "do it", "Do what is highlighted", "help", bar=True),
    Key("previous", ("up", "k"), "up", "Up", "help"),
    Key("next", ("down", "j"), "down", "Down", "help"),
    Key("first", ("g", "home"), "top", "First", "help"),
    Key("last", ("G", "end"), "bottom", "Last", "help"),
    Key("page-up", ("ctrl+u", "pageup"), "page up", "A page up", "help"),
    Key("page-down", ("ctrl+d", "pagedown"), "page down", "A page down", "help"),
    Key("close", ("escape", "q", "question_mark"), "back", "Back", "help", bar=True),
    Key("choose", ("enter",), "do it", "Do what is highlighted", "palette", bar=True),
    Key("previous", ("up",), "up", "Up", "palette"),
    Key("next", ("down",), "down", "Down", "palette"),
    Key("page-up", ("pageup",), "page up", "A page up", "palette"),
    Key("page-down", ("pagedown",), "page down", "A page down", "palette"),
    Key("close", ("escape",), "back", "Back", "palette", bar=True),
    # Questions, leaving
    Key("choose", ("enter",), "choose", "Give the highlighted answer", "question", bar=True),
    Key("previous", ("up",), "up", "Highlight the answer above", "question"),
    Key("next", ("down",), "down", "Highlight the answer below", "question"),
    Key("skip", ("Q",), "next question", "The next question", "question", bar=True),
    Key("back", ("escape",), "later", "Answer later: it goes on waiting", "question", bar=True),
    Key("submit", ("enter",), "send", "Give what is typed; empty: without it", "secret", bar=True),
    Key("next-field", ("tab", "down"), "next field", "The next field", "secret", bar=True),
    Key("previous-field", ("up",), "field before", "The field before", "secret"),
    Key("option-previous", ("left",), "option before", "Choose the option before", "secret"),
    Key("option-next", ("right",), "option after", "Choose the option after", "secret"),
    Key("skip", ("ctrl+n",), "next question", "The next question", "secret", bar=True),
    Key("back", ("escape",), "later", "Answer later: Q brings it back", "secret", bar=True),
    Key("choose", ("enter",), "choose", "Do what is highlighted", "leave", bar=True),
    Key("previous", ("up",), "up", "Highlight the answer above", "leave"),
    Key("next", ("down",), "down", "Highlight the answer below", "leave"),
    Key("back", ("escape",), "stay", "Stay", "leave", bar=True),
    # Moving in lists and in text
    Key("cursor-down", ("down", "j"), "down", "Down", "list"),
    Key("cursor-up", ("up", "k"), "up", "Up", "list"),
    Key("top", ("g", "home"), "top", "First row", "list"),
    Key("bottom", ("G", "end"), "bottom", "Last row", "list"),
    Key("half-down", ("ctrl+d",), "half page down", "Half a page down", "list"),
    Key("half-up", ("ctrl+u",), "half page up", "Half a page up", "list"),
    Key("page-down", ("pagedown",), "page down", "A page down", "list"),
    Key("page-up", ("pageup",), "page up", "A page up", "list"),
    Key("text-down", ("down", "j"), "down", "Down", "text"),
    Key("text-up", ("up", "k"), "up", "Up", "text"),
    Key("text-left", ("left",), "left", "Left", "text"),
    Key("text-right", ("right",), "right", "Right", "text"),
    Key("text-top", ("g", "home"), "top", "First line", "text"),
    Key("text-bottom", ("G", "end"), "bottom", "Last line, and follow", "text"),
    Key("text-page-down", ("ctrl+d", "pagedown", "space"), "page down", "A page down", "text"),
    Key("text-page-up", ("ctrl+u", "pageup"), "page up", "A page up", "text"),
    # The two tabs are roots; the screens above them are pages
    Key("quit", ("q",), "quit", "Quit: what runs on the hosts goes on", "tab", bar=True),
    Key("back", ("escape",), "back", "One step back: marks first, then to Hosts", "tab", bar=True),
    Key("back", ("escape", "q"), "back", "One step back; nothing is stopped", "page", bar=True),
    # Everywhere
    Key("questions", ("Q",), "answer", "Answer the questions that wait", "global"),
    Key("view-hosts", ("1",), "hosts", "Go to Hosts", "global"),
    Key("view-tasks", ("2",), "tasks", "Go to Tasks", "global"),
    Key("view-ports", ("3",), "ports", "Go to Ports: what is exposed", "global"),
    Key("view-files", ("4",), "files", "Go to Files: here and on a host", "global"),
    Key("view-clusters", ("5",), "clusters", "Go to Clusters: Dask, Hyperopt", "global"),
    Key("view-log", ("6",), "events", "Go to Events: who did what", "global"),
    Key("custom", ("exclamation_mark",), "saved", "Run one of your saved commands", "global"),
    Key("zoom", ("z",), "zoom", "Give this panel all the room, or not", "global"),
    Key("palette", ("colon", "ctrl+p"), "commands", "Find a command by name", "global", bar=True),
    Key("keys", ("question_mark", "f1"), "keys", "These keys; enter does one", "global", bar=True),
    Key("quit-now", ("ctrl+q",), "quit", "Quit from anywhere", "global", priority=True),
    Key(
        "suspend",
        ("ctrl+z",),
        "to the shell",
        "Give the terminal to the shell; fg is back",
        "global",
    ),
    Key("interrupt", ("ctrl+c",), "hint", "Copy the selected text, or say how to quit", "global"),
)

# Scope and action of what changes something: not done on a terminal that looks on only.
CHANGES = frozenset(
    (scope, name.replace("-", "_"))
    for scope, names in {
        "hosts": "run shell group-new new-cluster add delete",
        "files": "copy-across copy-all cancel edit rename delete mkdir",
        "transfers": "go-on stop",
        "clusters": "add start stop edit scale-up scale-down delete kill",
        "ports": "add stop restart edit auto delete",
        "groups": "group-run group-new new-cluster group-edit group-remove",
        "host": "run shell",
        "tasks": "rerun stop kill delete",
        "output": "stop rerun",
        "outcomes": "stop kill rerun",
        "editor": "run",
    }.items()
    for name in names.split()
)


def keys_of(*scopes: str) -> list[Key]:
    """Give the keys of the scopes: scope by scope, in the order of the map."""
    return [key for scope in scopes for key in KEYMAP if key.scope == scope]


def bindings(*scopes: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Give the Textual bindings of the scopes, each with its id so that it can be remapped."""
    return [
        Binding(
            ",".join(key.keys), key.action, key.text, show=False, priority=key.priority, id=key.id
        )
        for key in keys_of(*scopes)
    ]
