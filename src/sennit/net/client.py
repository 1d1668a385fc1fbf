"""A client's WebSocket: connect and shake hands, once or again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import random as _random
from typing import Any, Unpack

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from sennit.net.address import Address
from sennit.net.backoff import Backoff
from sennit.net.connector import endpoint_of_words
from sennit.net.credential import basic_authorization, cookie_header
from sennit.net.journey import Journey, Plan
from sennit.net.listener import PING_INTERVAL
from sennit.net.proxy import Proxy
from sennit.net.reconnecting import Reconnecting
from sennit.net.retry import worth_retrying
from sennit.net.setting import WebSocketOptions, WebSocketSettings
from sennit.net.websocket import Handler, WebSocket

__all__ = ["ConnectOptions", "connect", "reconnect"]

MAX_REDIRECTS = 5
"""Redirects to follow, unless a program says otherwise."""


Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class ConnectOptions(WebSocketOptions, total=False):
    """What :func:`connect` takes besides the reactor and the URL."""

    subprotocols: Sequence[str]
    origin: str | None
    headers: Headers
    cookies: Mapping[str, str] | None
    auth: tuple[str, str] | None
    proxy: str | None
    max_redirects: int
    endpoint: str | IStreamClientEndpoint | None
    tls: Any
    handler: Handler | None


_OWN = ConnectOptions.__annotations__.keys() - WebSocketOptions.__annotations__.keys()


def connect(  # noqa: PLR0913 - a connection has as many sides
    reactor: Any,
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    headers: Headers = (),
    cookies: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    proxy: str | None = None,
    max_redirects: int = MAX_REDIRECTS,
    endpoint: str | IStreamClientEndpoint | None = None,
    tls: Any = None,
    handler: Handler | None = None,
    **options: Unpack[WebSocketOptions],
) -> Deferred[WebSocket]:
    """Open a WebSocket.

    Args:
        reactor: any Twisted reactor.
        url: ``ws://host:port/path?query`` or ``wss://…``, with ``user:password@`` before the
            host for Basic authentication.
        subprotocols: to offer, in order of preference.
        origin: the header that a browser would send.
        headers: further headers of the request; not those that the handshake itself says.
        cookies: for the header ``Cookie``, names and values as they are.
        auth: a user and a password for Basic authentication, in place of the URL's.
        proxy: ``http://user:password@host:port`` or ``https://…``: an HTTP proxy to go through, by
            ``CONNECT``. TLS to the server goes through it, untouched.
        max_redirects: how many redirects to follow, one after the other. ``Authorization`` and
            ``Cookie`` stay behind where scheme, host or port change; other headers go along.
            ``wss`` never becomes ``ws``.
        endpoint: where to connect instead of the URL's host, as text (``"unix:/run/chat"``) or
            as a Twisted endpoint; of a ``wss://`` address it has to bring TLS itself.
        tls: whom to trust, instead of whom the platform trusts: a
            :class:`twisted.internet.ssl.Certificate` or another of Twisted's trust roots; an
            ``IPolicyForHTTPS``; ``CertificateOptions``, which trust anybody unless they are told
            whom; or Twisted's connection creator, ``optionsForClientTLS(host, …)``, which is used
            for whatever host there is.
        handler: the other style: called with the connection when it is open, and
            with its :class:`MessageReceiver` notified, or its coroutine run.
        options: see :class:`sennit.net.setting.WebSocketSettings`; pings are sent every 20
            seconds, unless they say otherwise.

    Returns:
        The open connection. Cancelling it before lets go of everything. It fails with
        :class:`sennit.HandshakeError` if the server's answer is not the right one, or a proxy's,
        with its status, headers, and the first 16 KiB of the server's body; the status is 0 if
        there was no answer, and the error's cause is what the connection was lost with. It fails
        with Twisted's ``TimeoutError`` after ``open_timeout`` for all of it; or with what
        connecting failed with.

    Raises:
        ValueError: the URL, a header, or something else cannot be said in HTTP, or not together.
        TypeError: ``tls`` is none of these.
    """
    asked: ConnectOptions = {
        "subprotocols": subprotocols,
        "origin": origin,
        "headers": headers,
        "cookies": cookies,
        "auth": auth,
        "proxy": proxy,
        "max_redirects": max_redirects,
        "endpoint": endpoint,
        "tls": tls,
        "handler": handler,
        **options,
    }
    return Journey(reactor, _plan(reactor, url, asked)).begin()


def reconnect(
    reactor: Any,
    url: str,
    *,
    backoff: Backoff | None = None,
    retry: Callable[[BaseException], bool] = worth_retrying,
    random: Callable[[], float] = _random,
    **options: Unpack[ConnectOptions],
) -> Reconnecting:
    """Open a WebSocket, and another whenever it is gone.

    ::

        async for ws in websocket.reconnect(reactor, "wss://host/path"):
            try:
                async for message in ws:
                    ...
            except websocket.ConnectionClosed:
                continue                        # and the next connection comes

    Args:
        reactor: any Twisted reactor.
        url: as for :func:`connect`.
        backoff: how long to wait between two tries; half a second at most at first, half a
            minute in the end, if ``None``. A server's ``Retry-After`` is waited for as well.
        retry: called with the error of an attempt, or the :class:`sennit.ConnectionClosed` of a
            connection: whether another try is worth it; see
            :func:`worth_retrying`.
        random: returns a number from 0 to 1.
        options: what :func:`connect` takes.

    Returns:
        What the loop is over, with :meth:`~Reconnecting.stop` to end it.

    Raises:
        ValueError: as by :func:`connect`.
        TypeError: as by :func:`connect`.
    """
    plan = _plan(reactor, url, options)
    address = plan.address
    name = f"{address.scheme}://{address.authority}{address.target.partition('?')[0]}"
    return Reconnecting(
        reactor,
        lambda: Journey(reactor, plan).begin(),
        backoff or Backoff(),
        retry,
        random,
        name,
    )


def _plan(reactor: Any, url: str, asked: ConnectOptions) -> Plan:
    """Check what was asked for, as far as that can be done before anything is connected."""
    address = Address.parse(url)
    proxy, endpoint = asked.get("proxy"), asked.get("endpoint")
    if endpoint is not None and (proxy is not None or asked.get("tls") is not None):
        raise ValueError("an endpoint goes its own way: without a proxy, and with TLS of its own")
    max_redirects = asked.get("max_redirects", MAX_REDIRECTS)
    if max_redirects < 0:
        raise ValueError("there are no fewer redirects than none")
    settings: dict[str, Any] = {name: value for name, value in asked.items() if name not in _OWN}
    plan = Plan(
        address=address,
        settings=WebSocketSettings(**{"ping_interval": PING_INTERVAL, **settings}),
        subprotocols=asked.get("subprotocols", ()),
        origin=asked.get("origin"),
        fields=_fields(address, asked),
        handler=asked.get("handler"),
        endpoint=endpoint_of_words(reactor, endpoint) if isinstance(endpoint, str) else endpoint,
        tls=asked.get("tls"),
        proxy=None if proxy is None else Proxy.parse(proxy),
        max_redirects=max_redirects,
    )
    plan.handshake(address, plan.fields).request()
    plan.way(reactor, address)
    return plan


def _fields(address: Address, asked: ConnectOptions) -> tuple[tuple[str, str], ...]:
    headers = asked.get("headers", ())
    said = list(headers.items() if isinstance(headers, Mapping) else headers)
    names = {name.lower() for name, _ in said}
    user = asked.get("auth") or address.user
    if user is not None:
        if "authorization" in names:
            raise ValueError("there is a header Authorization, and a user as well")
        said.append(("Authorization", basic_authorization(*user)))
    cookies = asked.get("cookies")
    if cookies:
        if "cookie" in names:
            raise ValueError("there is a header Cookie, and there are cookies as well")
        said.append(("Cookie", cookie_header(cookies)))
    return tuple(said)
