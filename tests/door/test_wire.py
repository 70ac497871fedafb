"""What passes through the socket: frames, cut anywhere, and greetings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.door.hello import HelloError, parse_hello
from lazytui.pump import greeting, wire

KINDS = st.sampled_from([wire.HELLO, wire.DATA, wire.SIZE, wire.STDOUT, wire.EXIT])


@given(st.lists(st.tuples(KINDS, st.binary(max_size=300))), st.integers(1, 50))
def test_frames_come_out_as_they_went_in_wherever_the_stream_is_cut(
    sent: list[tuple[bytes, bytes]], piece: int
) -> None:
    stream = b"".join(wire.frame(kind, payload) for kind, payload in sent)
    reader = wire.FrameReader()

    got = [
        found
        for start in range(0, len(stream), piece)
        for found in reader.feed(stream[start : start + piece])
    ]

    assert got == sent


def test_what_is_long_goes_in_pieces() -> None:
    data = bytes(range(256)) * 1000

    got = wire.FrameReader().feed(b"".join(wire.frames(wire.DATA, data)))

    assert len(got) == 4
    assert b"".join(payload for _, payload in got) == data


def test_a_frame_that_is_too_long_to_be_one_ends_the_reading() -> None:
    with pytest.raises(wire.WireError):
        wire.FrameReader().feed(b"GET / HTTP/1.1\r\n")


def test_a_size_beyond_what_fits_is_the_greatest_that_does() -> None:
    ((_, payload),) = wire.FrameReader().feed(wire.size_frame(100_000, 1))

    assert wire.read_size(payload) == (65535, 1)


def test_a_greeting_tells_what_a_screen_needs_and_nothing_secret() -> None:
    environ = {"TERM": "xterm", "LC_CTYPE": "C.UTF-8", "AWS_SECRET": "x", "PATH": "/b\udcffin"}

    said = greeting.hello("screen", ["--ascii"], version="1.2", config="/c", environ=environ)
    ((kind, payload),) = wire.FrameReader().feed(said)
    hello = parse_hello(payload)

    assert kind == wire.HELLO
    assert (hello.kind, hello.argv, hello.version, hello.config) == (
        "screen",
        ("--ascii",),
        "1.2",
        "/c",
    )
    assert hello.environ == {"TERM": "xterm", "LC_CTYPE": "C.UTF-8", "PATH": "/b\udcffin"}


@given(
    st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_what_is_no_greeting_is_told(payload: bytes) -> None:
    with pytest.raises(HelloError):
        parse_hello(payload)
