"""Who a connection comes from, and what trusted proxies say of it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from sennit.engine.handshake import Request
from sennit.errors import ConfigurationError
from sennit.net.peer import Peer, counted_address, describe_address, parse_proxies

PROXY = IPv4Address("TCP", "10.0.0.1", 54321)
CLIENT = IPv4Address("TCP", "192.0.2.1", 54321)


def behind(*headers: tuple[str, str], proxies: tuple[str, ...] = ("10.0.0.0/8",)) -> Peer:
    """Return who is behind the proxy that has sent these headers, without TLS."""
    request = Request("GET", "/", (1, 1), tuple((name.lower(), value) for name, value in headers))
    return parse_proxies(proxies).peer(PROXY, request, secure=False)


def address_behind(forwarded: str, **options: Any) -> str:
    return behind(("X-Forwarded-For", forwarded), **options).address


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (CLIENT, "192.0.2.1:54321"),
        (IPv6Address("TCP", "2001:db8::1", 80), "[2001:db8::1]:80"),
        (UNIXAddress(None), "unix"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_addresses_as_text(address: object, text: str) -> None:
    """As a person writes them."""
    assert describe_address(address) == text


# -- who is trusted ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        (IPv4Address("TCP", "127.0.0.1", 1), True),
        (IPv4Address("TCP", "127.0.0.2", 1), False),
        (IPv4Address("TCP", "10.255.0.1", 1), True),
        (IPv6Address("TCP", "::1", 1), True),
        (IPv6Address("TCP", "::2", 1), False),
        (IPv6Address("TCP", "::ffff:10.0.0.9", 1), True),
        (IPv6Address("TCP", "fe80::1%eth0", 1), True),
        (IPv4Address("TCP", "a-name", 1), False),
        (UNIXAddress(None), True),
        (None, False),
    ],
)
def test_addresses_networks_and_unix_sockets_are_trusted(address: object, trusted: bool) -> None:
    """An IPv4 address counts as such on a socket for IPv6 as well."""
    proxies = parse_proxies(("127.0.0.1", "10.0.0.0/8", "::1", "fe80::/10", "unix"))
    assert proxies.trusts(address) is trusted


def test_unix_sockets_are_trusted_only_if_named() -> None:
    """Whoever may connect there may say who it is."""
    assert not parse_proxies(("127.0.0.1",)).trusts(UNIXAddress(None))


@pytest.mark.parametrize("entry", ["", "nginx", "10.0.0.1/8", "*", "10.0.0", "unix:"])
def test_an_entry_that_names_nobody(entry: str) -> None:
    """The message says which, and what there may be."""
    with pytest.raises(ConfigurationError, match=r"trusted_proxies: .* is neither an address"):
        parse_proxies((entry,))


# -- the address ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7:4711"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:0DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "[2001:db8::7]:4711"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7\t", "192.0.2.7"),
    ],
)
def test_an_address_is_read_in_every_form(forwarded: str, address: str) -> None:
    """With and without a port, of both families."""
    assert address_behind(forwarded) == address


def test_the_right_most_untrusted_address_is_the_clients() -> None:
    """What is left of it the client has made up; what is right of it are proxies of ours."""
    assert address_behind("198.51.100.1, 192.0.2.7") == "192.0.2.7"
    assert address_behind("198.51.100.1, 192.0.2.7, 10.0.0.3") == "192.0.2.7"
    repeated = behind(("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "192.0.2.7"))
    assert repeated.address == "192.0.2.7"


def test_if_all_are_trusted_it_is_the_left_most() -> None:
    """A client inside of the trusted network."""
    assert address_behind("10.0.0.9, 10.0.0.3") == "10.0.0.9"


@pytest.mark.parametrize(
    "junk",
    ["", "unknown", "_hidden", "192.0.2.7.1", "[::1", "192.0.2.7:http", "fe80::1%x", "1.2.3.4:"],
)
def test_what_makes_no_sense_is_passed_over(junk: str) -> None:
    """The last hop that is known stands for what is behind it."""
    assert address_behind(junk) == "10.0.0.1:54321"
    assert address_behind(f"192.0.2.7, {junk}") == "10.0.0.1:54321"
    assert address_behind(f"192.0.2.7, {junk}, 10.0.0.3") == "10.0.0.3"
    assert address_behind(f"{junk}, 192.0.2.7, 10.0.0.3") == "192.0.2.7"


def test_a_proxy_behind_a_unix_socket() -> None:
    """Without a usable header it is called as such."""
    request = Request("GET", "/", (1, 1), (("x-forwarded-for", "192.0.2.7"),))
    proxies = parse_proxies(("unix",))
    assert proxies.peer(UNIXAddress(None), request, secure=False).address == "192.0.2.7"
    bare = Request("GET", "/", (1, 1), ())
    assert proxies.peer(UNIXAddress(None), bare, secure=False) == Peer("unix", None, False)


# -- what counts ---------------------------------------------------------------------------------


def test_what_counts_is_an_address_or_a_network() -> None:
    """Whoever has one IPv6 address has its /64."""
    assert counted_address(CLIENT) == bytes([192, 0, 2, 1])
    assert counted_address(IPv6Address("TCP", "::ffff:192.0.2.1", 1)) == bytes([192, 0, 2, 1])
    one, other = (counted_address(IPv6Address("TCP", f"2001:db8::{n}", 1)) for n in (1, 2))
    assert one == other
    assert one != counted_address(IPv6Address("TCP", "2001:db8:0:1::1", 1))
    assert counted_address(UNIXAddress(None)) is None
    assert counted_address(IPv4Address("TCP", "a-name", 1)) is None


def test_behind_a_proxy_the_clients_address_counts() -> None:
    """The proxy's own is that of many, and does not."""
    assert behind(("X-Forwarded-For", "192.0.2.1")).counted == counted_address(CLIENT)
    assert behind(("X-Forwarded-For", "unknown")).counted is None
    assert behind().counted is None


# -- the scheme and the host ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proto", "secure"),
    [
        ("https", True),
        ("WSS", True),
        ("http", False),
        ("ws", False),
        ("gopher", False),
        ("", False),
        ("https, http", False),
        ("http, https", True),
    ],
)
def test_the_scheme_says_whether_it_is_secure(proto: str, secure: bool) -> None:
    """One that makes no sense is passed over; of several the nearest proxy's counts."""
    assert behind(("X-Forwarded-Proto", proto)).secure is secure


def test_without_a_scheme_it_is_as_the_proxy_connects() -> None:
    """Which may use TLS itself."""
    request = Request("GET", "/", (1, 1), ())
    assert parse_proxies(("10.0.0.1",)).peer(PROXY, request, secure=True).secure
    plain = Request("GET", "/", (1, 1), (("x-forwarded-proto", "http"),))
    assert not parse_proxies(("10.0.0.1",)).peer(PROXY, plain, secure=True).secure


@pytest.mark.parametrize(
    ("host", "authority"),
    [
        ("app.example", "app.example"),
        ("app.example:8443", "app.example:8443"),
        ("[2001:db8::7]:443", "[2001:db8::7]:443"),
        ("evil.example/path", None),
        ("user@app.example", None),
        ("app example", None),
        ("", None),
    ],
)
def test_the_host_that_was_asked_for(host: str, authority: str | None) -> None:
    """Only what a host can be."""
    assert behind(("X-Forwarded-Host", host)).authority == authority


def test_in_a_chain_each_header_is_read_at_the_clients_place() -> None:
    """Where there are fewer values the proxies have passed on what the first has said."""
    chain = [
        ("X-Forwarded-For", "198.51.100.1, 192.0.2.7, 10.0.0.3"),
        ("X-Forwarded-Proto", "http, https, http"),
        ("X-Forwarded-Host", "evil.example, app.example, inner.example"),
    ]
    peer = behind(*chain)
    assert (peer.address, peer.secure, peer.authority) == ("192.0.2.7", True, "app.example")
    passed_on = behind(chain[0], ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a.example"))
    assert (passed_on.secure, passed_on.authority) == (True, "a.example")
