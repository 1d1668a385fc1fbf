"""A hub on a fake clock, and people to talk to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from sennit.brokers.memory import MemoryBroker, MemoryPresence
from sennit.hub.app import App
from sennit.hub.hub import Hub
from sennit.hub.request import (
    ConnectRequest,
    ConnectResult,
    Credentials,
    SubscribeRequest,
    SubscribeResult,
)
from sennit.hub.session import Session
from sennit.hub.setting import HubSettings
from sennit.interfaces import Broker
from sennit.model.publication import StreamPosition
from sennit.model.request import ConnectionRequest
from tests.double import FakeCodec, FakeFraming, FakeTransport, LogKeeper, outcome


class Person:
    """A client of the hub: a session, and what it has received."""

    def __init__(
        self, house: House, user: str, *, address: str = "127.0.0.1:1", **options: Any
    ) -> None:
        self.house = house
        self.transport = FakeTransport(house.framing)
        request = ConnectionRequest(path="/", address=address)
        self.session: Session = house.hub.open_session(self.transport, house.codec, request, "test")
        self.welcomes: list[ConnectResult] = []
        self.connecting = self.session.connect(
            ConnectRequest(token=user, connection=request, protocol="test", **options),
            self.welcomes.append,
        )
        self.answers: list[SubscribeResult] = []

    def subscribing(self, channel: str, **options: Any) -> Deferred[None]:
        """Begin to subscribe; the answer is written among what is received."""

        def answer(result: SubscribeResult) -> None:
            self.answers.append(result)
            self.session.write(b'["answer"]')

        return self.session.subscribe(SubscribeRequest(channel=channel, **options), answer)

    def subscribe(self, channel: str, **options: Any) -> SubscribeResult:
        """Subscribe and return the answer."""
        outcome(self.subscribing(channel, **options))
        return self.answers[-1]

    def recover(self, channel: str, offset: int, epoch: str, **options: Any) -> SubscribeResult:
        """Subscribe from a position."""
        position = StreamPosition(offset, epoch)
        return self.subscribe(channel, recover=True, position=position, **options)

    def take(self) -> list[Any]:
        """Return what was received since the last call."""
        return self.transport.take()

    def unblock(self) -> None:
        """Read again."""
        self.transport.blocked = False
        self.session.writable()


class House:
    """A hub with what it stands on."""

    def __init__(self) -> None:
        self.app = App()
        self.clock = Clock()
        self.codec = FakeCodec()
        self.framing = FakeFraming()
        self.broker: Broker = MemoryBroker(self.clock)
        self.presence = MemoryPresence()
        self.settings = HubSettings()
        self.log = LogKeeper()
        self._hub: Hub | None = None

        @self.app.on_connect
        def connect(request: ConnectRequest) -> Credentials:
            return Credentials(request.token, info={"name": request.token.title()})

    @property
    def hub(self) -> Hub:
        """The hub, started at the first use, when the app is declared."""
        if self._hub is None:
            self._hub = Hub(
                self.app,
                broker=self.broker,
                presence=self.presence,
                clock=self.clock,
                settings=self.settings,
            )
            outcome(self._hub.start())
        return self._hub

    def person(self, user: str = "ann", **options: Any) -> Person:
        """Return somebody who has connected."""
        person = Person(self, user, **options)
        outcome(person.connecting)
        return person

    def publish(self, channel: str, data: Any, **options: Any) -> StreamPosition:
        """Publish as the application."""
        return outcome(self.hub.app.publish(channel, data, **options))

    def failures(self) -> list[str]:
        """Return the kinds of the exceptions logged since the last call."""
        return [type(failure.value).__name__ for failure in self.log.failures()]


@pytest.fixture
def house() -> Iterator[House]:
    """A house whose log is watched: a failure that no test has asked for fails it."""
    house = House()
    with house.log:
        yield house
    assert house.failures() == []
