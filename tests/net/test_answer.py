"""A server's answer: its head, the heads before it, and a refusal's body."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sennit.engine.handshake import parse_response
from sennit.errors import HandshakeError
from sennit.net.answer import AnswerReader, Body, header


def check(head: bytes) -> str:
    """Take 101 and nothing else."""
    status, line, headers = parse_response(head)
    if status != 101:
        raise HandshakeError(status, line, headers)
    return line


def reader(max_head: int = 1000, max_body: int = 100) -> AnswerReader[str]:
    return AnswerReader("the server", check, max_head, max_body)


def refusal(answer: AnswerReader[str], data: bytes) -> HandshakeError:
    with pytest.raises(HandshakeError) as caught:
        answer.receive(data)
    return caught.value


def test_the_right_answer() -> None:
    """With what is behind it."""
    answer = reader()
    assert answer.receive(b"HTTP/1.1 101 Hi\r\n") is None
    assert answer.receive(b"\r\nframes") == ("HTTP/1.1 101 Hi", b"frames")
    assert answer.refusal is None


def test_interim_answers_are_passed_over() -> None:
    """Eight of them, each with a bound of its own; one more is one too many."""
    interim = b"HTTP/1.1 102 Wait\r\nX: " + b"x" * 900 + b"\r\n\r\n"
    answer = reader()
    assert answer.receive(interim * 8) is None
    assert answer.receive(b"HTTP/1.1 101 Hi\r\n\r\n") == ("HTTP/1.1 101 Hi", b"")
    answer = reader()
    answer.receive(interim * 8)
    assert refusal(answer, interim).reason == "the server sends interim answers only"


def test_a_head_without_end() -> None:
    """Is not collected."""
    error = refusal(reader(), b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000)
    assert (error.status, error.reason) == (0, "the server's answer has a head over 1000 bytes")


def test_a_refusal_is_known_before_it_is_whole() -> None:
    """With what there is of its body."""
    answer = reader()
    assert answer.receive(b"HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nab") is None
    assert answer.refusal is not None
    assert (answer.refusal.status, answer.refusal.body) == (403, b"ab")
    error = refusal(answer, b"cdef")
    assert error is answer.refusal
    assert error.body == b"abcd"


@pytest.mark.parametrize(
    ("head", "wire", "expected", "complete"),
    [
        ("403 No\r\nContent-Length: 0", b"x", b"", True),
        ("403 No\r\nContent-Length: 3", b"abcd", b"abc", True),
        ("403 No\r\nContent-Length: 3", b"ab", b"ab", False),
        ("403 No\r\nContent-Length: 500", b"x" * 99, b"x" * 99, False),
        ("403 No\r\nContent-Length: 500", b"x" * 101, b"x" * 100, True),
        ("403 No\r\nContent-Length: -5", b"abc", b"abc", False),
        ("403 No\r\nContent-Length: many", b"abc", b"abc", False),
        ("403 No\r\nContent-Length: " + "9" * 30, b"abc", b"abc", False),
        ("403 No", b"abc", b"abc", False),
        ("403 No", b"x" * 200, b"x" * 100, True),
        ("204 No", b"abc", b"", True),
        ("304 No", b"abc", b"", True),
        ("302 No\r\nLocation: /x", b"abc", b"", True),
        ("302 No\r\nX: y", b"abc", b"abc", False),
        ("403 No\r\nTransfer-Encoding: gzip", b"abc", b"abc", False),
        ("403 No\r\nTransfer-Encoding: Chunked", b"3\r\nabc\r\n0\r\n\r\n", b"abc", True),
        ("403 No\r\nTransfer-Encoding: chunked", b"3;x=y\r\nabc\r\n2\r\nde", b"abcde", False),
        ("403 No\r\nTransfer-Encoding: chunked", b"A \r\n0123456789\r\n", b"0123456789", False),
        ("403 No\r\nTransfer-Encoding: chunked", b"1\nx\n0\n", b"x", True),
        ("403 No\r\nTransfer-Encoding: chunked", b"3\r\nabcX\r\n", b"abc", True),
        ("403 No\r\nTransfer-Encoding: chunked", b"zz\r\nabc", b"", True),
        ("403 No\r\nTransfer-Encoding: chunked", b"\r\n", b"", True),
        ("403 No\r\nTransfer-Encoding: chunked", b"f" * 15 + b"\n" + b"x" * 101, b"x" * 100, True),
        ("403 No\r\nTransfer-Encoding: chunked", b"5;" + b"x" * 1100, b"", True),
        ("403 No\r\nTransfer-Encoding: chunked", b"1;" + b"x" * 900, b"", False),
        ("403 No\r\nTransfer-Encoding: chunked\r\nContent-Length: 1", b"2\r\nab", b"ab", False),
    ],
)  # fmt: skip
@settings(max_examples=25)
@given(data=st.data())
def test_bodies(
    head: str, wire: bytes, expected: bytes, complete: bool, data: st.DataObject
) -> None:
    """By length, in chunks, or to the end: what is kept, and when it is enough, in any pieces."""
    answer = reader(max_head=1000)
    stream = f"HTTP/1.1 {head}\r\n\r\n".encode() + wire
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    ended = False
    for start, end in pairwise([0, *cuts, len(stream)]):
        try:
            assert answer.receive(stream[start:end]) is None
        except HandshakeError:
            ended = True
            break
    assert ended == complete
    assert answer.refusal is not None
    assert answer.refusal.body == expected


PARTS = st.sampled_from(
    [
        b"HTTP/1.1 101 Hi",
        b"HTTP/1.1 103 Hi",
        b"HTTP/1.1 403 No",
        b"Content-Length: 3",
        b"\r\n",
        b"\n",
        b"Transfer-Encoding: chunked",
        b"\r\n\r\n",
        b"3",
        b";x",
        b"abc",
        b"0",
        b"\xff",
    ]
)


def verdict(pieces: Iterable[bytes]) -> tuple[object, ...]:
    """Return what comes of an answer that arrives in pieces."""
    answer = reader(max_head=200, max_body=10)
    pieces = iter(pieces)
    try:
        for piece in pieces:
            complete = answer.receive(piece)
            if complete is not None:
                return complete[0], complete[1] + b"".join(pieces)
    except HandshakeError as error:
        return error.status, error.reason, error.headers, error.body
    refusal = answer.refusal
    return (None,) if refusal is None else (refusal.status, refusal.headers, refusal.body)


@given(parts=st.lists(PARTS, max_size=20).map(b"".join), data=st.data())
def test_any_bytes_in_any_pieces(parts: bytes, data: st.DataObject) -> None:
    """Come to the same, and to no other exception."""
    cuts = data.draw(st.lists(st.integers(0, len(parts)), max_size=8).map(sorted))
    pieces = [parts[start:end] for start, end in pairwise([0, *cuts, len(parts)])]
    assert verdict(pieces) == verdict([parts]) == verdict(bytes([byte]) for byte in parts)


def test_without_interest_in_the_body() -> None:
    """The head is enough."""
    answer = reader(max_body=0)
    error = refusal(answer, b"HTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\n")
    assert (error.status, error.body) == (407, b"")


def test_a_long_body_costs_no_more_than_its_bound() -> None:
    """However it comes."""
    body = Body(500, [("transfer-encoding", "chunked")], 100)
    assert not body.receive(b"63\r\n" + b"x" * 99 + b"\r\n")
    assert body.receive(b"fffffff\r\n" + b"x" * 100_000)
    assert len(body.taken) == 100


def test_the_first_header_of_a_name() -> None:
    """Or none."""
    fields = [("a", "1"), ("b", "2"), ("a", "3")]
    assert (header(fields, "a"), header(fields, "c")) == ("1", None)
