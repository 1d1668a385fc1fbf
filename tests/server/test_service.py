"""A server as a service of ``twisted.application``."""

from __future__ import annotations

import errno

import pytest
from twisted.application.service import IService, MultiService
from twisted.internet.error import CannotListenError

from sennit.errors import ConfigurationError, NotRunning
from sennit.hub.app import App
from sennit.server.configuration import Configuration
from sennit.server.listening import ListenError
from sennit.server.service import service
from tests.double import LogKeeper, outcome
from tests.server.double import FakeReactor
from tests.server.test_server import SlowEndpoint


def test_it_serves_from_start_to_stop() -> None:
    """Stopping is graceful: whoever stops the service can wait for it."""
    app, reactor = App(), FakeReactor()
    served = service(app, reactor, "tcp:9000:interface=127.0.0.1")
    assert IService.providedBy(served)
    assert (served.server, reactor.ports) == (None, [])
    served.startService()
    assert served.running
    assert served.server is not None
    assert served.server.addresses == ("http://127.0.0.1:9000/",)
    visitor = reactor.port.visit()
    visitor.connect()
    stopping = served.stopService()
    assert not served.running
    assert not stopping.called
    visitor.close(3001)
    outcome(stopping)
    assert served.server is None
    with pytest.raises(NotRunning):
        _ = app.hub


def test_it_may_start_again() -> None:
    """Each time it is a new server."""
    reactor = FakeReactor()
    served = service(App(), reactor)
    for _ in range(2):
        served.startService()
        outcome(served.stopService())
    outcome(served.stopService())  # Not started: nothing to do.
    assert [port.listening for port in reactor.ports] == [False, False]


def test_it_listens_while_it_still_may() -> None:
    """``twistd`` gives up its privileges between the two calls; there is still one server."""
    reactor = FakeReactor()
    served = service(App(), reactor, None, Configuration(port=80))
    served.privilegedStartService()
    assert reactor.port.health()[0] == 200
    served.startService()
    assert len(reactor.ports) == 1
    assert served.running


def test_it_may_be_a_child() -> None:
    """Its parent starts it and waits for its stop."""
    reactor = FakeReactor()
    parent = MultiService()
    parent.addService(service(App(), reactor))
    parent.startService()
    visitor = reactor.port.visit()
    stopping = parent.stopService()
    assert not stopping.called
    visitor.close(3001)
    outcome(stopping)


def test_it_cannot_listen() -> None:
    """The start raises; the service does not run, and may be started again."""
    reactor = FakeReactor()
    reactor.refusal = CannotListenError("127.0.0.1", 8000, OSError(errno.EADDRINUSE, "in use"))
    served = service(App(), reactor)
    with LogKeeper() as log, pytest.raises(ListenError, match="is in use"):
        served.startService()
    assert log.failures() == []
    assert not served.running
    assert served.server is None
    outcome(served.stopService())
    reactor.refusal = None
    served.startService()
    assert reactor.port.health()[0] == 200


def test_a_setting_that_cannot_be_honoured() -> None:
    """The start raises that as well."""
    served = service(App(), FakeReactor(), "tcp")
    with pytest.raises(ConfigurationError, match="not the description"):
        served.startService()
    assert served.server is None


def test_an_endpoint_that_takes_its_time() -> None:
    """The service runs meanwhile; later it listens, and stops as any other."""
    reactor = FakeReactor()
    endpoint = SlowEndpoint(reactor)
    served = service(App(), reactor, endpoint)
    served.startService()
    assert reactor.ports == []
    endpoint.waiting.callback(None)
    assert reactor.port.health()[0] == 200
    outcome(served.stopService())
    assert not reactor.port.listening


def test_a_failure_that_comes_later_is_logged() -> None:
    """There is nobody left to raise it to."""
    reactor = FakeReactor()
    reactor.refusal = CannotListenError("127.0.0.1", 8000, OSError(errno.EADDRINUSE, "in use"))
    endpoint = SlowEndpoint(reactor)
    served = service(App(), reactor, endpoint)
    served.startService()
    with LogKeeper() as log:
        endpoint.waiting.callback(None)
    (failure,) = log.failures()
    assert failure.check(ListenError)
    assert served.server is None
    outcome(served.stopService())


def test_a_stop_before_it_listens() -> None:
    """The start is given up without a word, and the app is free."""
    app, reactor = App(), FakeReactor()
    served = service(app, reactor, SlowEndpoint(reactor))
    served.startService()
    with LogKeeper() as log:
        outcome(served.stopService())
    assert log.failures() == []
    assert reactor.ports == []
    with pytest.raises(NotRunning):
        _ = app.hub
