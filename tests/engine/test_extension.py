"""The header of extensions: a list of names with parameters, by the letter of RFC 6455, 9.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.extension import format_extension, parse_extensions

TOKENS = st.text("abcxyz019-_.!", min_size=1, max_size=8)
PARAMETERS = st.lists(st.tuples(TOKENS, st.none() | TOKENS), max_size=4)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", ()),
        (" ,\t", ()),
        ("a", (("a", ()),)),
        ("a, b", (("a", ()), ("b", ()))),
        ("a;x;y=1, a", (("a", (("x", None), ("y", "1"))), ("a", ()))),
        (" a ; x = 1 ", (("a", (("x", "1"),)),)),
        ('a; x="1"', (("a", (("x", "1"),)),)),
        ('a; x="\\1\\0"', (("a", (("x", "10"),)),)),
        (", a,, b ,", (("a", ()), ("b", ()))),
        ("a; x; x", (("a", (("x", None), ("x", None))),)),
    ],
)
def test_what_is_there(header: str, found: object) -> None:
    """Names, parameters with values and without, quoted values, repeated ones."""
    assert parse_extensions(header) == found


@pytest.mark.parametrize(
    "header",
    ["a;", "a b", ";x", "a; =1", "a; x=", 'a; x="', 'a; x="1', 'a; x="a b"', 'a; x=""', "a=1", "é"],
)
def test_malformed_ones(header: str) -> None:
    """A ValueError with a sentence."""
    with pytest.raises(ValueError, match=r"(?i)extension"):
        parse_extensions(header)


@given(st.lists(st.tuples(TOKENS, PARAMETERS), min_size=1, max_size=3))
def test_there_and_back(extensions: list[tuple[str, list[tuple[str, str | None]]]]) -> None:
    """What is written is what is read."""
    header = ", ".join(format_extension(name, parameters) for name, parameters in extensions)
    assert parse_extensions(header) == tuple((name, tuple(rest)) for name, rest in extensions)
