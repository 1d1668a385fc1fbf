"""A hub on a fake clock, and clients who speak to it frame by frame."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from twisted.internet.task import Clock

from sennit.brokers.memory import MemoryBroker, MemoryPresence
from sennit.hub.app import App
from sennit.hub.hub import Hub
from sennit.hub.namespace import History
from sennit.hub.request import ConnectRequest, Credentials
from sennit.hub.setting import HubSettings
from sennit.hub.token import Tokens
from sennit.interfaces import Accepted, Broker
from sennit.model.request import Closed, ConnectionRequest
from sennit.protocols.centrifuge.mount import CentrifugeMount
from sennit.protocols.centrifuge.setting import ProtocolSettings
from sennit.protocols.raw import RawMount
from tests.double import FakeFraming, FakeTransport, LogKeeper, outcome
from tests.protocols.tongue import JsonTongue, Tongue

GONE = Closed(1001, "going away")
BEGINNING = 1_800_000_000
"""When every test begins, in seconds since 1970."""


class Wire:
    """One connection, as net would have it.

    Args:
        accepted: what the mount has made.
        framing: what its frames are like.
        tongue: the format that it speaks.
    """

    def __init__(self, accepted: Accepted, framing: FakeFraming, tongue: Tongue) -> None:
        self.accepted = accepted
        self.tongue = tongue
        self.transport = FakeTransport(framing)
        self.handler = accepted.handler
        self.handler.connection_made(self.transport)
        self._number = 0

    def say(self, text: str) -> None:
        """Send one message."""
        data, is_text = self.tongue.frame(text)
        self.handler.message_received(data, is_text=is_text)

    def take(self) -> list[Any]:
        """Return what was received since the last call, decoded."""
        sent, self.transport.sent = self.transport.sent, []
        return [self.tongue.read(frame[1:-1]) for frame in sent]

    def heard(self) -> list[str]:
        """Return what was received since the last call, as text."""
        sent, self.transport.sent = self.transport.sent, []
        return [frame[1:-1].decode() for frame in sent]

    def begin(self, name: str, **body: Any) -> int:
        """Send one command and return its id."""
        self._number += 1
        self.say(json.dumps({"id": self._number, name: body}))
        return self._number

    def ask(self, name: str, **body: Any) -> Any:
        """Send one command and return its reply, which must come at once and alone."""
        number = self.begin(name, **body)
        (reply,) = self.take()
        assert reply.pop("id") == number
        (answer,) = reply.values()
        return answer

    def lose(self) -> None:
        """Lose the connection."""
        self.handler.connection_lost(GONE)

    @property
    def ended(self) -> tuple[int, str] | None:
        """With what the server ended the connection."""
        return self.transport.disconnected


class House:
    """A hub, and what it stands on.

    Args:
        tongue: what its clients speak.
    """

    def __init__(self, tongue: Tongue) -> None:
        self.tongue = tongue
        self.app = App()
        self.clock = Clock()
        self.broker: Broker = MemoryBroker(self.clock)
        self.settings = HubSettings()
        self.protocol = ProtocolSettings(version="1.2.3")
        self.tokens: Tokens | None = None
        self.wall: float = BEGINNING
        self.framing = FakeFraming()
        self.log = LogKeeper()
        self._hub: Hub | None = None

        @self.app.on_connect
        def connect(request: ConnectRequest) -> Credentials:
            return Credentials(request.token, info={"name": request.token.title()})

        self.app.namespace(
            "room",
            presence=True,
            join_leave=True,
            force_push_join_leave=True,
            recovery=True,
            history=History(size=10, ttl=60),
            allow_subscribe={"client", "anonymous"},
            allow_publish={"client"},
            allow_presence={"client"},
            allow_history={"client"},
        )
        self.app.namespace("plain", allow_subscribe={"client"}, allow_publish={"client"})

    @property
    def hub(self) -> Hub:
        """The hub, started at the first use, when the app is declared."""
        if self._hub is None:
            self._hub = Hub(
                self.app,
                broker=self.broker,
                presence=MemoryPresence(),
                clock=self.clock,
                settings=self.settings,
                random=random.Random(1),  # noqa: S311 - replayable on purpose
                tokens=self.tokens,
                now=self.now,
            )
            outcome(self._hub.start())
        return self._hub

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        return self.wall + self.clock.seconds()

    def wire(self, tongue: Tongue | None = None, **request: Any) -> Wire:
        """Return a connection of the Centrifuge protocol on which nothing was said yet."""
        mount = CentrifugeMount(self.hub, self.protocol)
        tongue = tongue or self.tongue
        request.setdefault("subprotocols", tongue.subprotocols)
        opened = mount.open(ConnectionRequest(path="/connection/websocket", **request))
        return Wire(opened, self.framing, tongue)

    def client(self, user: str = "ann", tongue: Tongue | None = None) -> Wire:
        """Return a connection that has connected."""
        wire = self.wire(tongue)
        wire.ask("connect", token=user)
        return wire

    def raw(self, query: Mapping[str, tuple[str, ...]] | None = None, **request: Any) -> Wire:
        """Return a connection of the app's only raw route."""
        (route,) = self.app.raw_routes.values()
        described = ConnectionRequest(path=route.path, query=query or {}, **request)
        return Wire(RawMount(self.hub, route).open(described), self.framing, JsonTongue())

    def pass_time(self, seconds: float) -> None:
        """Let time pass, a tenth of a second at a time, as in a loop that is not blocked."""
        self.clock.pump([0.1] * round(seconds * 10))

    def failures(self) -> list[str]:
        """Return the kinds of the exceptions logged since the last call."""
        return [type(failure.value).__name__ for failure in self.log.failures()]


@pytest.fixture
def tongue() -> Tongue:
    """The format that clients speak; a module may have its tests run in each."""
    return JsonTongue()


@pytest.fixture
def house(tongue: Tongue) -> Iterator[House]:
    """A house whose log is watched: a failure that no test has asked for fails it."""
    house = House(tongue)
    with house.log:
        yield house
    assert house.failures() == []
