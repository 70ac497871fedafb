"""Following the output of a job from a byte offset to its end, as fast as the manager takes it."""

import posix

from lazytui.remote.system import frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from lazytui.remote.agent import Agent
    from lazytui.remote.folder import Folder

PIECE = 65536  # bytes of output in one frame, at most
RESULT = 262144  # bytes of what a function returned that go along with the end, at most
FAST_S, SLOW_S = 0.02, 0.25  # between two looks at a file that does not grow


class Streams:
    """All followed jobs of this agent, taking turns."""

    def __init__(self, agent: "Agent") -> None:
        self.agent = agent
        self.by_number: "Dict[int, Stream]" = {}
        self.ready: "List[Stream]" = []  # those that may have something to send
        agent.output = self.next_frame

    def follow(self, folder: "Folder", ask: "Dict[str, Any]") -> None:
        """Send a job's output from ``ask["off"]`` on, as stream ``ask["s"]``."""
        self.unfollow(ask["s"])
        stream = Stream(self, folder, ask)
        self.by_number[stream.number] = stream
        stream.check()

    def unfollow(self, number: int) -> None:
        """Stop sending a stream."""
        stream = self.by_number.pop(number, None)
        if stream is not None:
            stream.close()

    def grant(self, number: int, size: int) -> None:
        """Let a stream send ``size`` bytes more."""
        stream = self.by_number.get(number)
        if stream is not None:
            stream.credit += size
            self.wake(stream)

    def wake(self, stream: "Stream") -> None:
        """Give a stream its turn."""
        if stream not in self.ready:
            self.ready.append(stream)

    def next_frame(self) -> "Optional[List[bytes]]":
        """The next piece of output of the stream whose turn it is."""
        while self.ready:
            stream = self.ready.pop(0)
            piece = stream.piece()
            if piece:
                return piece
            if self.agent.control:  # the stream has ended, and says so
                return [self.agent.control.pop(0)]
        return None


class Stream:
    """One followed job.

    ``credit`` is how many bytes the manager is ready to take; ``end`` is the job's end once it is
    known, and is sent when the output is out.
    """

    def __init__(self, streams: Streams, folder: "Folder", ask: "Dict[str, Any]") -> None:
        self.streams = streams
        self.agent = streams.agent
        self.folder = folder
        self.number: int = ask["s"]
        self.offset: int = ask["off"]
        self.credit: int = ask["credit"]
        self.out: "Optional[int]" = None
        self.alive: "Optional[int]" = None
        self.end: "Optional[Dict[str, Any]]" = None
        self.pause = FAST_S
        self.patience = FAST_S

    def close(self) -> None:
        """Let go of everything."""
        self.agent.timers.pop(self.grown, None)
        self.agent.timers.pop(self.check, None)
        self.stop_watching()
        if self.out is not None:
            posix.close(self.out)
        if self in self.streams.ready:
            self.streams.ready.remove(self)

    # --- the end of the job

    def check(self) -> None:
        """Learn the job's state; while it runs, arrange to be told of its end."""
        found = self.folder.look()
        if found["state"] != "running":
            self.end = found
        elif self.alive is None and not self.watch():
            self.agent.after(self.patience, self.check)
            self.patience = min(2 * self.patience, SLOW_S)
        self.streams.wake(self)

    def watch(self) -> bool:
        """Open the FIFO that the leader holds; False when nobody holds it (any more)."""
        try:
            self.alive = posix.open(self.folder.at(b"alive"), posix.O_RDONLY | posix.O_NONBLOCK)
        except OSError:
            return False
        self.agent.watch(self.alive, self.leader_gone, 0)
        try:
            # Without a writer this is the end of the file, and nothing would ever wake us.
            posix.read(self.alive, 1)
        except BlockingIOError:
            return True
        self.stop_watching()
        return False

    def leader_gone(self) -> None:
        """The leader has let go of the FIFO: it wrote the exit status, or was killed."""
        self.stop_watching()
        self.patience = FAST_S  # a leader that was killed may take a moment to let go of its lock
        self.check()

    def stop_watching(self) -> None:
        """Close the FIFO."""
        if self.alive is not None:
            self.agent.unwatch(self.alive)
            self.alive = None

    # --- the output

    def grown(self) -> None:
        """Look whether there is more."""
        self.streams.wake(self)

    def piece(self) -> "Optional[List[bytes]]":
        """The next frame of output, or None when there is none to send now."""
        wanted = min(PIECE, self.credit)
        if self.end is not None:
            wanted = min(wanted, self.end.get("size", 0) - self.offset)
            if self.offset >= self.end.get("size", 0):
                self.say_end()
                return None
        if wanted <= 0:
            return None  # the next credit wakes us
        data = self.read(wanted)
        if not data:
            self.nothing_new()
            return None
        header = frame({"ev": "out", "s": self.number, "off": self.offset}, len(data))
        self.offset += len(data)
        self.credit -= len(data)
        self.pause = FAST_S
        if len(data) == wanted or self.end is not None:
            self.streams.wake(self)
        else:
            self.agent.after(self.pause, self.grown)
        return [header, data]

    def read(self, wanted: int) -> bytes:
        """Output from our offset on."""
        try:
            if self.out is None:
                self.out = posix.open(self.folder.at(b"out"), posix.O_RDONLY)
            return posix.pread(self.out, wanted, self.offset)
        except OSError:
            return b""

    def nothing_new(self) -> None:
        """Look again later; of a job that has ended, what is missing never comes."""
        if self.end is not None:
            self.end["size"] = self.offset
            self.streams.wake(self)
            return
        self.agent.after(self.pause, self.grown)
        self.pause = min(2 * self.pause, SLOW_S)

    def say_end(self) -> None:
        """Tell how the job ended; all its output is out."""
        end = self.end or {}
        result = b""
        if 0 < end.get("result", 0) <= RESULT:
            result = self.folder.result(0, RESULT)
        self.agent.send(dict({"ev": "end", "s": self.number}, **end), result)
        self.streams.unfollow(self.number)
