"""Frames: what is written is read again, however the bytes come, and nonsense is called so."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.frames import MAX_FRAME, FrameError, FrameReader, encode

MARKER = b"0123456789abcdef0123456789abcdef"

values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=3)
frames = st.lists(
    st.tuples(st.dictionaries(st.text(), values, max_size=4), st.binary(max_size=300)), max_size=6
)


def read(reader: FrameReader, data: bytes, cuts: list[int]) -> list[tuple[object, bytes]]:
    """Feed bytes in pieces."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [
        frame for start, end in itertools.pairwise(edges) for frame in reader.feed(data[start:end])
    ]


@given(frames, st.lists(st.integers(0, 10_000)), st.binary(max_size=100))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    sent: list[tuple[dict[str, object], bytes]], cuts: list[int], noise: bytes
) -> None:
    stream = noise + MARKER + b"".join(encode(*frame) for frame in sent)

    assert read(FrameReader(MARKER), stream, cuts) == sent


@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000)))
def test_noise_before_the_marker_is_kept_for_the_reason(noise: bytes, cuts: list[int]) -> None:
    reader = FrameReader(MARKER)

    assert read(reader, noise + MARKER, cuts) == []
    assert reader.noise == noise


def test_endless_noise_takes_no_memory() -> None:
    reader = FrameReader(MARKER)

    for _ in range(100):
        assert list(reader.feed(b"yes\n" * 16384)) == []

    assert len(reader.noise) == 4096
    assert list(reader.feed(MARKER[:7])) == []
    assert list(reader.feed(MARKER[7:] + encode({"ev": "hello"}))) == [({"ev": "hello"}, b"")]


def framed(body: bytes) -> bytes:
    return MARKER + len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    "stream",
    [
        MARKER + (MAX_FRAME + 1).to_bytes(4, "big"),
        framed(b"no line end"),
        framed(b""),
        framed(b"{broken\n"),
        framed(b"[1]\n"),
        framed(b"\xff\xfe\n"),
        framed(b"[" * 100_000 + b"\n"),
        framed(b'{"n":' + b"9" * 5000 + b"}\n"),
    ],
)
def test_nonsense_is_an_error_and_nothing_else(stream: bytes) -> None:
    with pytest.raises(FrameError):
        list(FrameReader(MARKER).feed(stream))


@given(st.binary(max_size=2000))
def test_any_bytes_after_the_marker_give_frames_or_an_error(data: bytes) -> None:
    try:
        found = list(FrameReader(MARKER).feed(MARKER + data))
    except FrameError:
        return
    assert all(isinstance(header, dict) for header, _ in found)
