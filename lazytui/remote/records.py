"""The stream between the two ends of a transfer: records of a kind, two numbers and bytes.

``kind (1 byte) | file number (4) | length (4) | that many bytes``. What goes which way:

* Q  what is asked for, the first record of all      * L  the list of files (see `tree`), in pieces
* W  what the taker wants, in pieces                 * H  a whole small file
* S  here a big file begins, at an offset            * D  bytes of it
* E  its end                                         * =  it is the same as what the taker has
* F  it cannot be given, and why                     * Z  nothing follows
* R  the taker's report                              * X  the transfer cannot go on, and why
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Sequence

HEAD = 9
PIECE = 1 << 18  # bytes of a list sent in one record


def head(kind: bytes, index: int, length: int) -> bytes:
    """The first bytes of a record."""
    return kind + index.to_bytes(4, "big") + length.to_bytes(4, "big")


def record(kind: bytes, data: bytes = b"", index: int = 0) -> bytes:
    """A whole record."""
    return head(kind, index, len(data)) + data


def in_pieces(kind: bytes, data: bytes) -> bytes:
    """Records that carry one long text; the last has the number 1."""
    cuts = range(0, max(1, len(data)), PIECE)
    last = cuts[-1]
    return b"".join([record(kind, data[at : at + PIECE], int(at == last)) for at in cuts])


class Reader:
    """Cuts a stream into records; the bytes of big files are handed on as they come.

    Args:
        take: gets kind, number and bytes of each record. Of a D record it gets what is there.
        limit: bytes that any other record may have; more ends the transfer.
    """

    def __init__(self, take: "Callable[[bytes, int, bytes], None]", limit: int) -> None:
        self.take = take
        self.limit = limit
        self.rest = b""  # the begin of a record that is not complete
        self.left = 0  # bytes still to come of the D record we are in
        self.index = 0

    def feed(self, data: bytes) -> None:
        """Take bytes of the stream.

        Raises:
            ValueError: it is not a stream of records.
        """
        if self.rest:
            data = self.rest + data
            self.rest = b""
        at, size = 0, len(data)
        while at < size:
            if self.left:
                piece = data[at : at + self.left] if at or self.left < size else data
                self.left -= len(piece)
                at += len(piece)
                self.take(b"D", self.index, piece)
                continue
            if size - at < HEAD:
                break
            length = int.from_bytes(data[at + 5 : at + 9], "big")
            kind = data[at : at + 1]
            if kind == b"D":
                self.index = int.from_bytes(data[at + 1 : at + 5], "big")
                self.left = length
                at += HEAD
                continue
            if length > self.limit:
                raise ValueError("a record of %d bytes came" % length)
            if size - at < HEAD + length:
                break
            index = int.from_bytes(data[at + 1 : at + 5], "big")
            begin = at + HEAD
            at = begin + length
            self.take(kind, index, data[begin:at])
        if at < size:
            self.rest = data[at:]

    def feed_all(self, pieces: "Sequence[bytes]") -> None:
        """Take bytes that came in several pieces; inside a big file none of them is copied.

        Raises:
            ValueError: it is not a stream of records.
        """
        for at, piece in enumerate(pieces):
            if not self.left:  # records that may be cut anywhere: put together again
                self.feed(b"".join(pieces[at:]))
                return
            self.feed(piece)


class Gathered:
    """A long text that comes in several records.

    Args:
        limit: bytes it may have.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces: "List[bytes]" = []
        self.size = 0

    def add(self, index: int, piece: bytes) -> bool:
        """Take a piece; True when it was the last.

        Raises:
            ValueError: it is longer than any that is meant.
        """
        self.size += len(piece)
        if self.size > self.limit:
            raise ValueError("a list of more than %d bytes came" % self.limit)
        self.pieces.append(piece)
        return index == 1

    def text(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)
