"""The request that a connection began with."""

from __future__ import annotations

import base64

import pytest

from sennit.model.request import ConnectionRequest


def with_header(name: str, value: str) -> ConnectionRequest:
    return ConnectionRequest("/", headers={name: value})


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2; ;; c = 3 ", {"a": "1", "b": "2", "c": "3"}),
        ("a=1=2==", {"a": "1=2=="}),
        ('a="1"; b="; c="x', {"a": "1", "b": '"', "c": '"x'}),
        ('a=""; b=', {"a": "", "b": ""}),
        ("a=x,y; b={json:[1]}", {"a": "x,y", "b": "{json:[1]}"}),
        ("nameless; =nameless; a=1", {"a": "1"}),
        ("Case=1; case=2", {"Case": "1", "case": "2"}),
        ("", {}),
    ],
)
def test_cookies_are_read_leniently(header: str, cookies: dict[str, str]) -> None:
    """What browsers send is more than what the grammar allows."""
    assert with_header("cookie", header).cookies == cookies


def test_of_cookies_with_one_name_the_first_counts() -> None:
    """Browsers put the one with the longest path there (RFC 6265, 5.4)."""
    assert with_header("cookie", "a=of /chat; a=of /").cookies == {"a": "of /chat"}


def test_cookies_are_utf_8_or_else_latin_1() -> None:
    """Headers are read as Latin-1."""
    sent = "ü=é".encode().decode("latin-1")
    assert with_header("cookie", sent).cookies == {"ü": "é"}
    assert with_header("cookie", "a=\xe9").cookies == {"a": "é"}
    assert with_header("cookie", "a=€").cookies == {"a": "€"}


def test_without_a_header_there_are_no_cookies() -> None:
    """Nor credentials."""
    request = ConnectionRequest("/")
    assert request.cookies == {}
    assert request.basic_auth is None


def basic(credentials: bytes) -> str:
    return base64.b64encode(credentials).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic " + basic(b"ada:secret"), ("ada", "secret")),
        ("bAsIc  " + basic(b"ada:secret"), ("ada", "secret")),
        ("Basic " + basic(b"ada:with:colons"), ("ada", "with:colons")),
        ("Basic " + basic(b":"), ("", "")),
        ("Basic " + basic("ü:é".encode()), ("ü", "é")),
        ("Basic " + basic(b"\xfc:\xe9"), ("ü", "é")),
        ("Basic " + basic(b"no colon"), None),
        ("Basic", None),
        ("Basic ", None),
        ("Basic ???", None),
        ("Basic €", None),
        ("Basic YWRhOg", None),
        ("Bearer " + basic(b"ada:secret"), None),
        (f"Basic {basic(b'ada:secret')}, Basic {basic(b'eve:secret')}", None),
    ],
)
def test_basic_authentication(header: str, expected: tuple[str, str] | None) -> None:
    """User and password, or nothing where the header has none (RFC 7617)."""
    assert with_header("authorization", header).basic_auth == expected
