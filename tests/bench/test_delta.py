"""What a subscriber of the benchmark makes of what it is sent."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from bench.delta import payloads, put_together
from bench.delta_server import books
from sennit.protocols.centrifuge.fossil import create_delta


def _frame(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 1 << 16:
        return bytes((0x81, 126)) + size.to_bytes(2) + payload
    return bytes((0x81, 127)) + size.to_bytes(8) + payload


def _line(offset: int, data: object, *, delta: bool = False) -> bytes:
    publication = {"data": data, "offset": offset} | ({"delta": True} if delta else {})
    return json.dumps({"push": {"channel": "delta:a", "pub": publication}}).encode()


def test_payloads_of_every_length() -> None:
    """A frame's length has one of three forms; what is cut off is left out."""
    whole = [b"", b"a" * 125, b"b" * 126, b"c" * 65535, b"d" * 65536]
    stream = b"".join(map(_frame, whole))
    assert list(payloads(stream)) == whole
    for short in (1, 65536, 65545):
        assert list(payloads(stream[:-short])) == whole[:-1]


def test_differences_are_put_together() -> None:
    """Whole payloads and differences, several in a frame, give the books that were published."""
    one, two, three = islice(books(60), 3)
    lines = [
        b"{}",
        _line(5, one.decode()),
        _line(6, create_delta(one, two).decode(), delta=True),
        _line(7, create_delta(two, three).decode(), delta=True),
    ]
    stream = _frame(b"\n".join(lines[:3])) + _frame(lines[3])
    assert put_together(stream) == [one, two, three]
    whole = _frame(_line(5, json.loads(one))) + _frame(_line(6, json.loads(two)))
    assert put_together(whole) == [one, two]


def test_what_is_missing_is_said() -> None:
    """A publication that is left out, or a difference to another payload, has no figure."""
    one, two, three = islice(books(60), 3)
    with pytest.raises(ValueError, match="7 came after 5"):
        put_together(_frame(_line(5, one.decode())) + _frame(_line(7, two.decode())))
    wrong = _line(6, create_delta(two, three).decode(), delta=True)
    with pytest.raises(ValueError, match="target"):
        put_together(_frame(_line(5, one.decode())) + _frame(wrong))


def test_a_book_changes_little() -> None:
    """The books are the same in every run, and most of one is in the next."""
    one, two = islice(books(60), 2)
    assert [one, two] == list(islice(books(60), 2))
    assert 1800 < len(one) < 2100
    assert len(create_delta(one, two)) < 120
