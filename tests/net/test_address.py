"""Addresses of WebSockets, and where a redirect leads."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.net.address import Address


@pytest.mark.parametrize(
    ("url", "expected", "authority"),
    [
        ("ws://a", Address(False, "a", 80, "/"), "a"),
        ("wss://a/", Address(True, "a", 443, "/"), "a"),
        ("WS://A:443/x", Address(False, "a", 443, "/x"), "a:443"),
        ("wss://a:080/?", Address(True, "a", 80, "/"), "a:80"),
        ("ws://a?x=1", Address(False, "a", 80, "/?x=1"), "a"),
        ("wss://[::1]:8/é?q=ü", Address(True, "::1", 8, "/%C3%A9?q=%C3%BC"), "[::1]:8"),
        ("ws://[fe80::1%25en0]/", Address(False, "fe80::1%en0", 80, "/"), "[fe80::1]"),
        ("ws://[::ffff:192.0.2.1]/", Address(False, "::ffff:192.0.2.1", 80, "/"), None),
        ("ws://bücher.de/a%20b c", Address(False, "xn--bcher-kva.de", 80, "/a%20b%20c"), None),
        ("ws://my_host-1.example.:8/", Address(False, "my_host-1.example.", 8, "/"), None),
        ("ws://u%40x:p%3Aw@a/", Address(False, "a", 80, "/", ("u@x", "p:w")), "a"),
        ("ws://%C3%A9@a/", Address(False, "a", 80, "/", ("é", "")), "a"),
        ("ws://@a/", Address(False, "a", 80, "/"), "a"),
    ],
)  # fmt: skip
def test_addresses(url: str, expected: Address, authority: str | None) -> None:
    """RFC 6455, 3; RFC 3986, 3.2; RFC 6874 for the zone, which is no server's business."""
    address = Address.parse(url)
    assert address == expected
    if authority is not None:
        assert address.authority == authority


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://a/", "ws:// or wss://"),
        ("a/b", "ws:// or wss://"),
        ("", "ws:// or wss://"),
        ("http://me:secret@a/", "ws:// or wss://"),
        ("ws:///path", "no host"),
        ("ws://me:secret@/path", "no host"),
        ("ws://me:secret@a/#here", "fragment"),
        ("ws://a/#", "fragment"),
        ("ws://a:x/", "Port"),
        ("ws://a:0/", "port"),
        ("ws://a:65536/", "[Pp]ort"),
        ("ws://[::1/", "IPv6"),
        ("ws://a b/", "'a b' cannot be a host"),
        ("ws://a%41/", "cannot be a host"),
        ("ws://a,b/", "cannot be a host"),
        ("ws://a..é/", "label"),
        ("ws://a/\r\nX: y", "control"),
        ("ws://a\x00/", "control"),
        ("ws://me:%ff@a/", "UTF-8"),
    ],
)
def test_what_is_no_address(url: str, why: str) -> None:
    """Is refused in a sentence, without a word of a password."""
    with pytest.raises(ValueError, match=why) as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)


@given(text=st.text() | st.text("ws:/.@[]%#?a1\xdf\u3002-").map("ws://".__add__))
def test_any_text(text: str) -> None:
    """Is an address that can be said in a request, or a ``ValueError``."""
    try:
        address = Address.parse(text)
    except ValueError:
        return
    assert re.fullmatch(r"[\x21-\x7e]+", address.authority + address.target)
    assert 0 < address.port < 65536


@given(location=st.text(st.characters(codec="latin-1")) | st.text("ws:/.@[]%#?a1\xdf-"))
def test_any_location(location: str) -> None:
    """Likewise, and without a user."""
    try:
        address = Address.parse("wss://me@a/b").follow(location)
    except ValueError:
        return
    assert re.fullmatch(r"[\x21-\x7e]+", address.authority + address.target)
    assert address.user is None


def test_a_password_is_not_shown() -> None:
    """Not where an address is, in a log or a debugger."""
    assert "secret" not in repr(Address.parse("ws://me:secret@a/"))


def test_the_same_server() -> None:
    """Scheme, host and port together say whose credentials they are."""
    here = Address.parse("ws://a/x")
    assert here.origin == Address.parse("ws://u@A:80/y?z").origin
    for other in ("wss://a/x", "ws://b/x", "ws://a:81/x", "wss://a:80/x"):
        assert here.origin != Address.parse(other).origin


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/there?x=1", "ws://a:8/there?x=1"),
        ("there", "ws://a:8/b/there"),
        ("../there", "ws://a:8/there"),
        ("?y=2", "ws://a:8/b/c?y=2"),
        ("", "ws://a:8/b/c?x"),
        ("#part", "ws://a:8/b/c?x"),
        ("//other/x", "ws://other/x"),
        ("wss://other", "wss://other/"),
        ("http://other:8/x#y", "ws://other:8/x"),
        ("HTTPS://other/x", "wss://other/x"),
        ("ws://me:secret@other/", "ws://other/"),
        ("/%20 x", "ws://a:8/%20%20x"),
        ("/ü".encode().decode("latin-1"), "ws://a:8/%C3%BC"),
        ("ws://[::1]:9/", "ws://[::1]:9/"),
    ],
)
def test_redirects(location: str, expected: str) -> None:
    """Relative or not, in a WebSocket's scheme or HTTP's, and never with a user."""
    assert Address.parse("ws://me@a:8/b/c?x").follow(location) == Address.parse(expected)


@pytest.mark.parametrize("location", ["ftp://a/", "mailto:a@b", "wss://", "ws://a:x/", "ws://[x/"])
def test_where_no_redirect_leads(location: str) -> None:
    """To what is no WebSocket's."""
    with pytest.raises(ValueError, match=r"."):
        Address.parse("ws://a/").follow(location)
