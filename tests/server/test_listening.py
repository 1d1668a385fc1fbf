"""Where a server listens, and what is said when it cannot."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions

from sennit.errors import ConfigurationError
from sennit.server.configuration import Configuration
from sennit.server.listening import ListenError, Listening
from tests.double import outcome
from tests.server.double import FakeReactor


def listening(
    endpoint: Any = None, reactor: FakeReactor | None = None, /, **keys: Any
) -> Listening:
    """Return a listening that has begun."""
    listening = Listening(reactor or FakeReactor(), endpoint, Configuration(**keys))
    outcome(Deferred.fromCoroutine(listening.listen(Factory())))
    return listening


def complaint(error: Exception, endpoint: Any = None, **keys: Any) -> ListenError:
    """Return what is said when listening fails with an error."""
    reactor = FakeReactor()
    reactor.refusal = error
    with pytest.raises(ListenError) as caught:
        listening(endpoint, reactor, **keys)
    return caught.value


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


# -- where ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "keys", "port", "addresses"),
    [
        (None, {}, 8000, ("http://127.0.0.1:8000/",)),
        (None, {"port": 0}, 49152, ("http://127.0.0.1:49152/",)),
        (None, {"host": "192.0.2.1", "port": 80}, 80, ("http://192.0.2.1:80/",)),
        (None, {"host": ""}, 8000, ("http://127.0.0.1:8000/", "http://{name}:8000/")),
        (None, {"host": "::"}, 8000, ("http://[::1]:8000/", "http://{name}:8000/")),
        (None, {"host": "::1"}, 8000, ("http://[::1]:8000/",)),
        (None, {"endpoint": "tcp:9000:interface=127.0.0.1"}, 9000, ("http://127.0.0.1:9000/",)),
        ("tcp:9000:interface=127.0.0.1", {"port": 1}, 9000, ("http://127.0.0.1:9000/",)),
        ("unix:/run/s.sock", {}, None, ("unix:/run/s.sock",)),
    ],
)
def test_addresses(
    endpoint: str | None, keys: dict[str, Any], port: int | None, addresses: tuple[str, ...]
) -> None:
    """An endpoint given in code is nearer than the configuration's, and that than host and port."""
    found = listening(endpoint, **keys)
    assert found.port == port
    assert found.addresses == tuple(
        address.format(name=socket.gethostname()) for address in addresses
    )


def test_an_endpoint_of_twisteds() -> None:
    """It is used as it is, and where it is TLS the address says so."""
    reactor = FakeReactor()
    found = listening(TCP4ServerEndpoint(reactor, 9000, interface="127.0.0.1"), reactor)
    assert found.addresses == ("http://127.0.0.1:9000/",)
    secure = SSL4ServerEndpoint(reactor, 443, CertificateOptions(), interface="127.0.0.1")
    assert listening(secure, reactor).addresses == ("https://127.0.0.1:443/",)


def test_unnamed_unix_socket() -> None:
    """An address without a name is no reason to fail."""
    found = listening("unix:", FakeReactor())
    assert (found.port, found.addresses) == (None, ("unix:",))


def test_the_backlog_is_long_enough_for_a_crowd() -> None:
    """Clients come all at once after a restart."""
    reactor = FakeReactor()
    listening(None, reactor)
    assert reactor.port.backlog == 1024


def test_stopping() -> None:
    """It waits for the port to close; then there is no address, and stopping again is fine."""
    reactor = FakeReactor()
    found = listening(None, reactor)
    reactor.port.closing = Deferred()
    stopping = Deferred.fromCoroutine(found.stop())
    assert not reactor.port.listening
    assert not stopping.called
    reactor.port.closing.callback(None)
    outcome(stopping)
    assert (found.port, found.addresses) == (None, ())
    outcome(Deferred.fromCoroutine(found.stop()))


def test_stopping_at_once() -> None:
    """A port may also close on the spot."""
    reactor = FakeReactor()
    outcome(Deferred.fromCoroutine(listening(None, reactor).stop()))
    assert not reactor.port.listening


# -- where not -----------------------------------------------------------------------------------


@pytest.mark.parametrize("description", ["tcp", "tcp:http:x=y", "carrier-pigeon:3", "", "ssl:443"])
def test_what_is_no_endpoint(description: str) -> None:
    """Whatever Twisted's parser stumbles over, it is the description that is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        Listening(FakeReactor(), description, Configuration())
    assert str(caught.value).startswith(
        f"{description!r} is not the description of a Twisted endpoint, like "
    )


def test_in_use() -> None:
    """It says which port, and callers can tell it from other reasons."""
    error = complaint(CannotListenError("127.0.0.1", 8000, os_error(errno.EADDRINUSE)))
    assert str(error) == "port 8000 on 127.0.0.1 is in use"
    assert error.in_use
    error = complaint(CannotListenError("", 80, os_error(errno.EADDRINUSE)))
    assert str(error) == "port 80 on every address is in use"


def test_unix_socket_in_use() -> None:
    """The path stands for the port; Twisted's lock file says it in words of its own."""
    for why in (os_error(errno.EADDRINUSE), "Cannot acquire lock"):
        error = complaint(CannotListenError(None, b"/run/s.sock", why), "unix:/run/s.sock")
        assert str(error) == "/run/s.sock is in use"
        assert error.in_use


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (os_error(errno.EACCES), "port 80 on 192.0.2.1 needs more rights than this user has"),
        (os_error(errno.EPERM), "port 80 on 192.0.2.1 needs more rights than this user has"),
        (os_error(errno.EADDRNOTAVAIL), "192.0.2.1 is not an address of this machine"),
        (
            socket.gaierror(socket.EAI_NONAME, "unknown"),
            "'192.0.2.1' is not an address or a name of this machine",
        ),
        (
            os_error(errno.ENOBUFS),
            f"cannot listen on port 80 on 192.0.2.1: {os.strerror(errno.ENOBUFS)}",
        ),
        ("no luck", "cannot listen on port 80 on 192.0.2.1: no luck"),
    ],
)
def test_other_reasons(why: Any, words: str) -> None:
    """Each in one sentence that a person can act on."""
    error = complaint(CannotListenError("192.0.2.1", 80, why))
    assert str(error) == words
    assert not error.in_use


@pytest.mark.parametrize(
    ("raised", "endpoint", "words"),
    [
        (OverflowError("port must be 0-65535."), "tcp:70000", "tcp:70000: port must be 0-65535."),
        (os_error(errno.EADDRINUSE), "unix:/s", f"unix:/s: {os_error(errno.EADDRINUSE)}"),
        (UnicodeError("label empty"), None, "port 8000 on a..b: label empty"),
    ],
)
def test_what_twisted_does_not_wrap(raised: Exception, endpoint: Any, words: str) -> None:
    """Python's own exceptions become the same kind of error."""
    error = complaint(raised, endpoint, host="a..b")
    assert str(error) == f"cannot listen on {words}"
    assert error.in_use == isinstance(raised, OSError)


def test_an_endpoint_without_words() -> None:
    """An endpoint of Twisted's cannot describe itself."""
    reactor = FakeReactor()
    reactor.refusal = OverflowError("too much")
    with pytest.raises(ListenError, match=r"^cannot listen on the endpoint: too much$"):
        listening(TCP4ServerEndpoint(reactor, 70000), reactor)


def test_other_exceptions_are_not_explained_away() -> None:
    """A programming mistake stays one."""
    reactor = FakeReactor()
    reactor.refusal = TypeError("no")
    with pytest.raises(TypeError, match=r"^no$"):
        listening(None, reactor)
