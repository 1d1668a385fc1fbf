"""Heads that are read in machine code mean what they mean when they are read at leisure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.build import COMPILED, plain_request
from sennit.engine.handshake import Request, check_origin, check_upgrade, parse_request
from sennit.errors import HandshakeError

pytestmark = pytest.mark.skipif(not COMPILED, reason="nothing is compiled")

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = (
    ("Host", "localhost:8000"),
    ("Upgrade", "websocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
)
OTHERS = (
    ("Origin", "http://localhost:8000"),
    ("Origin", "https://localhost:8000"),
    ("Origin", "null"),
    ("Cookie", "a=1; b=é"),
    ("Cookie", "c=2"),
    ("User-Agent", "\tsome thing "),
    ("Sec-WebSocket-Protocol", "chat, superchat"),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ("X-Empty", ""),
    ("Content-Length", "0"),
    ("Transfer-Encoding", "chunked"),
    ("Sec-WebSocket-Other", "x"),
    ("Host", "other"),
    ("Upgrade", "h2c"),
    ("Connection", "close"),
)


def head_of(*fields: tuple[str, str], line: str = "GET /a/b?c=d&e HTTP/1.1") -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def plain(head: bytes) -> Request:
    request = plain_request(head)
    assert request is not None
    return request


def check(head: bytes) -> None:
    """What is plain has to be what it is to the other reader, and pass what that passes."""
    quick = plain_request(head)
    if quick is None:
        return
    slow = parse_request(head)
    assert quick.key == check_upgrade(slow)
    names = (*slow.fields, "origin", "sec-websocket-protocol", "sec-websocket-extensions", "x")
    assert {name: quick.header(name) for name in names} == {
        name: slow.header(name) for name in names
    }
    assert (quick.path, quick.query, quick.target) == (slow.path, slow.query, slow.target)
    assert (quick.method, quick.version) == (slow.method, slow.version)
    assert (quick.headers, quick.fields) == (slow.headers, slow.fields)
    if quick.same_origin:
        for secure in (False, True):
            check_origin(slow, None, secure=secure)


def test_what_it_reads() -> None:
    """Path, query, key, and the fields that a handshake is decided by."""
    request = plain(head_of(*FIELDS, *OTHERS[:1], *OTHERS[6:8]))
    assert (request.path, request.query, request.key) == ("/a/b", "c=d&e", KEY)
    assert request.same_origin
    assert request.header("sec-websocket-protocol") == "chat, superchat"
    assert request.header("cookie") is None
    check(head_of(*FIELDS, *OTHERS[:1], *OTHERS[3:9]))


@pytest.mark.parametrize("missing", FIELDS)
def test_what_has_to_be_there(missing: tuple[str, str]) -> None:
    """Without any of the five it is for the other reader to say what is wrong."""
    assert plain_request(head_of(*(field for field in FIELDS if field != missing))) is None


@pytest.mark.parametrize(
    "head",
    [
        head_of(*FIELDS, ("Content-Length", "0")),
        head_of(*FIELDS, ("Transfer-Encoding", "chunked")),
        head_of(*FIELDS, ("Host", "localhost:8000")),
        head_of(*FIELDS, ("Origin", "null"), ("Origin", "null")),
        head_of(*FIELDS, ("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Protocol", "b")),
        head_of(*FIELDS, line="GET /%41 HTTP/1.1"),
        head_of(*FIELDS, line="GET /a#b HTTP/1.1"),
        head_of(*FIELDS, line="GET http://localhost/ HTTP/1.1"),
        head_of(*FIELDS, line="POST / HTTP/1.1"),
        head_of(*FIELDS, line="GET / HTTP/1.0"),
        head_of(*FIELDS, line="GET /  HTTP/1.1"),
        head_of(*FIELDS)[:-1],
        head_of(*FIELDS) + b"\x81",
        head_of(*FIELDS, ("Folded", "a\r\n b")),
        head_of(*FIELDS, ("No token", "a")),
        head_of(*FIELDS, ("", "a")),
        head_of(*FIELDS, ("Bell", "\a")),
        head_of(*FIELDS).replace(b"\r\n", b"\n"),
        head_of(*FIELDS).replace(KEY.encode(), KEY[:-4].encode() + b"===="),
        head_of(*FIELDS).replace(KEY.encode(), KEY[:-1].encode()),
        head_of(*FIELDS).replace(KEY.encode(), b"!" + KEY[1:].encode()),
        b"",
        b"GET /",
    ],
)
def test_what_is_not_plain(head: bytes) -> None:
    """It is left to the other reader: wrong, unusual, not complete, or not all of it."""
    assert plain_request(head) is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://a", "b"),
        ("http://a:99999", "a:99999"),
        ("http://a:", "a:"),
        ("http://", ""),
        ("http://[::1]", "[::1]"),
        ("http://a:1x", "a:1x"),
        ("ftp://a", "a"),
        ("HTTP://a", "a"),
        ("http://a@b", "a@b"),
    ],
)
def test_origins_to_be_looked_at(origin: str, host: str) -> None:
    """Only what is the host itself, letter by letter, and nothing odd, passes unseen."""
    fields = [("Host", host), *FIELDS[1:], ("Origin", origin)]
    assert not plain(head_of(*fields)).same_origin
    assert plain(head_of(("Host", "a.b:65535"), *FIELDS[1:])).same_origin is False
    fields = [("Host", "a.b:5000"), *FIELDS[1:], ("Origin", "https://a.b:5000")]
    assert plain(head_of(*fields)).same_origin


field_names = st.text("aA-_!~é :\t", max_size=4)
field_values = st.text("a\t,;é\x7f\x00\r\n", max_size=6)
fields = st.one_of(
    st.sampled_from(FIELDS + OTHERS),
    st.sampled_from(FIELDS + OTHERS).map(lambda one: (one[0].upper(), f" {one[1]}\t")),
    st.tuples(field_names, field_values),
)
targets = st.one_of(st.just("/"), st.text("/a?%#[]{}\\ é;:@", max_size=8).map("/".__add__))


@given(
    line=st.one_of(targets.map("GET {} HTTP/1.1".format), st.text("GET /HTP1.10", max_size=16)),
    extra=st.lists(fields, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_it_agrees_with_the_other_reader(
    line: str, extra: list[tuple[str, str]], order: object
) -> None:
    """Whatever is plain has the same meaning for both, whatever its fields are."""
    several = [*FIELDS, *extra]
    order.shuffle(several)  # type: ignore[attr-defined]
    check(head_of(*several, line=line))


@given(position=st.integers(0, 10_000), byte=st.integers(0, 255), kind=st.sampled_from("rid"))
def test_one_byte_of_it(position: int, byte: int, kind: str) -> None:
    """The same with any byte of a usual head replaced, put in, or left out."""
    head = bytearray(head_of(*FIELDS, *OTHERS[:1], *OTHERS[3:9]))
    position %= len(head)
    if kind == "r":
        head[position] = byte
    elif kind == "i":
        head.insert(position, byte)
    else:
        del head[position]
    try:
        check(bytes(head))
    except HandshakeError as error:
        pytest.fail(f"plain, and refused: {error}")
