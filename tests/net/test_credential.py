"""Users, passwords and cookies in headers."""

from __future__ import annotations

import base64

import pytest

from sennit.net.credential import basic_authorization, cookie_header, without_credentials


@pytest.mark.parametrize(("user", "password"), [("a", "b"), ("", ""), ("ä", "€:x"), ("a b", " ")])
def test_basic_authentication(user: str, password: str) -> None:
    """In UTF-8; a colon may be in the password."""
    scheme, _, credentials = basic_authorization(user, password).partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials).decode() == f"{user}:{password}"


@pytest.mark.parametrize(("user", "password"), [("a:b", "secret"), ("a", "sec\nret"), ("\0", "")])
def test_what_basic_authentication_cannot_say(user: str, password: str) -> None:
    """A colon in the user, and control characters."""
    with pytest.raises(ValueError, match=r"colon|control") as caught:
        basic_authorization(user, password)
    assert "sec" not in str(caught.value)


def test_cookies() -> None:
    """In order, as they are."""
    assert cookie_header({"a": "1", "b": "", "c": "x=y z,\"'\\%20"}) == "a=1; b=; c=x=y z,\"'\\%20"
    assert cookie_header({}) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "x"), ("a b", "x"), ("a=", "x"), ("ä", "x"), ("a;", "x")]
    + [("a", value) for value in ("x;y", " x", "x ", "\n", "x\ty", "ä", "x\x7f", ";")],
)
def test_what_no_cookie_is(name: str, value: str) -> None:
    """It would be read as another, or as none."""
    with pytest.raises(ValueError, match="cookie"):
        cookie_header({name: value})


def test_what_stays_with_one_server() -> None:
    """Whatever its case; nothing else does."""
    fields = [
        ("X-Token", "t"),
        ("AUTHORIZATION", "x"),
        ("cookie", "y"),
        ("Proxy-Authorization", "z"),
    ]
    assert without_credentials(fields) == (("X-Token", "t"),)
