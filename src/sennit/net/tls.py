"""TLS of a client: whom to trust, the tunnel, and what went wrong."""

# ruff: noqa: N802, N803 - Twisted calls these methods, and names what they take
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLContextFactory,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["TlsEndpoint", "creator_for", "explain", "is_tls_failure"]

_SENTENCES = {
    "certificate verify failed": (
        "its certificate is not trusted: nobody whom this side trusts has signed it for this "
        "host, or its time is over"
    ),
    "wrong version number": "it does not speak TLS at this port",
    "packet length too long": "it does not speak TLS at this port",
    "http request": "it does not speak TLS at this port",
}


def creator_for(tls: Any, host: str, port: int) -> IOpenSSLClientConnectionCreator:
    """Return what makes TLS connections to a host.

    Args:
        tls: ``None`` to trust whom the platform trusts; a trust root, as a
            :class:`twisted.internet.ssl.Certificate` or what ``trustRootFromCertificates``
            returns; an ``IPolicyForHTTPS``, as a :class:`twisted.web.client.Agent` has; an
            ``IOpenSSLContextFactory``, as ``CertificateOptions``; or a connection creator, which
            is returned as it is.
        host: a name or an address.
        port: the port.

    Raises:
        TypeError: it is none of these.
    """
    creator: IOpenSSLClientConnectionCreator
    if IOpenSSLContextFactory.providedBy(tls):
        # Newer ones are connection creators as well, who check no name.
        creator = _ContextCreator(tls, host)
    elif IOpenSSLClientConnectionCreator.providedBy(tls):
        creator = tls
    elif hasattr(tls, "creatorForNetloc"):
        creator = tls.creatorForNetloc(host.encode(), port)
    else:
        creator = optionsForClientTLS(host, trustRoot=tls)
    return creator


@implementer(IOpenSSLClientConnectionCreator)
class _ContextCreator:
    """Makes connections with a context that does not know of hosts.

    If the context asks for a certificate at all, that has to be one for the host.

    Args:
        factory: of the context.
        host: whom to connect to.
    """

    def __init__(self, factory: Any, host: str) -> None:
        self._context = factory.getContext()
        self._host = host

    def clientConnectionForTLS(self, _protocol: object) -> SSL.Connection:
        """Return a new connection."""
        connection = SSL.Connection(self._context, None)
        host = self._host
        identity: ServiceID
        if isIPAddress(host) or isIPv6Address(host):
            identity = IPAddress_ID(host)
        else:
            identity = DNS_ID(host)
            connection.set_tlsext_host_name(host.encode())
        mode = connection.get_verify_mode()
        if mode != SSL.VERIFY_NONE:
            connection.set_verify(mode, _checker(identity))
        return connection


def _checker(identity: ServiceID) -> Callable[..., bool]:
    def check(_connection: object, certificate: Any, _error: int, depth: int, ok: bool) -> bool:
        if not ok or depth > 0:
            return bool(ok)
        try:
            verify_service_identity(extract_patterns(certificate), [identity], [])
        except (VerificationError, CertificateError):
            return False
        return True

    return check


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
    """TLS over another endpoint, with the clock of who connects.

    Args:
        creator: makes the TLS connections.
        endpoint: what they go over.
        clock: the time.
    """

    def __init__(
        self,
        creator: IOpenSSLClientConnectionCreator,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
    ) -> None:
        self._creator = creator
        self._endpoint = endpoint
        self._clock = clock

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; as everywhere in Twisted, TLS's own handshake comes after it."""
        factory = TLSMemoryBIOFactory(self._creator, True, protocolFactory, clock=self._clock)
        connected: Deferred[Any] = self._endpoint.connect(factory)
        return connected.addCallback(lambda tunnel: tunnel.wrappedProtocol)


def is_tls_failure(error: BaseException | None) -> bool:
    """Return whether a connection was lost since TLS did not come about."""
    return isinstance(error, (SSL.Error, VerificationError))


def explain(reason: Failure) -> str:
    """Return in words why a connection was lost."""
    error = reason.value
    if isinstance(error, VerificationError):
        return "its certificate is for another host"
    if isinstance(error, SSL.Error):
        queue = error.args[0] if error.args else ()
        why = str(queue[-1][-1] if isinstance(queue, list) and queue else error)
        return _SENTENCES.get(why, f"TLS failed: {why}")
    return reason.getErrorMessage()
