"""The driver's own tests once more, over responses and uplinks instead of messages of a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sennit.protocols.centrifuge.mount import CentrifugeMount
from sennit.protocols.centrifuge.setting import ProtocolSettings
from tests.double import outcome
from tests.protocols.centrifuge import test_driver as driver
from tests.protocols.conftest import House, Wire
from tests.protocols.tongue import SCHEMA, JsonTongue, ProtobufTongue, Tongue, frame_of
from tests.web.reader import EVENTS, STREAM, Door, Reader

BINARY = "application/octet-stream"


class HeardTransport:
    """What a test may look at of a transport.

    Args:
        door: the port where it is.
        reader: who reads it.
    """

    def __init__(self, door: Door, reader: Reader) -> None:
        self._door = door
        self._reader = reader
        self._blocked = False

    @property
    def blocked(self) -> bool:
        """Whether the client does not read."""
        return self._blocked

    @blocked.setter
    def blocked(self, blocked: bool) -> None:
        self._blocked = blocked
        self._reader.socket.room = 0

    @property
    def reading(self) -> bool:
        """Whether uplinks are taken at once."""
        (stream,) = self._door.reception.responses
        return bool(stream._reading)  # type: ignore[attr-defined]


class StreamWire(Wire):
    """A connection over a port of its own, which begins with the first frame.

    Args:
        house: whose hub is behind it.
        tongue: the format that it speaks.
        events: whether it is by server-sent events.
    """

    def __init__(self, house: House, tongue: Tongue, *, events: bool) -> None:
        self.tongue = tongue
        self._door = Door(
            CentrifugeMount(house.hub, house.protocol), house.clock, max_message=1 << 19
        )
        self._reader = Reader(self._door.connect())
        self.transport: Any = HeardTransport(self._door, self._reader)
        self._events = events
        self._number = 0
        self._heard: list[bytes] = []
        self._ended: tuple[int, str] | None = None
        self._begun = False

    def say(self, text: str) -> None:
        """Send one frame."""
        data, is_text = self.tongue.frame(text)
        headers = {} if is_text else {"Content_Type": BINARY}
        if not self._begun:
            self._begun = True
            self._reader.send(EVENTS if self._events else STREAM, body=data, **headers)
            assert self._reader.status == 200
            return
        if is_text:
            said = {"session": "s1", "node": "here", "data": data.decode()}
            uplink = json.dumps(said).encode()
        else:
            uplink = SCHEMA.EmulationRequest(session="s1", node="here", data=data)
            uplink = uplink.SerializeToString()
        assert self._door.uplink(uplink, **headers) in (0, 204)

    def take(self) -> list[Any]:
        """Return what was received since the last call, decoded."""
        self._pull()
        heard, self._heard = self._heard, []
        found = [self.tongue.read(payload) for payload in heard]
        for reply in found:
            if "connect" in reply:
                assert (reply["connect"].pop("session"), reply["connect"].pop("node")) == (
                    "s1",
                    "here",
                )
        return found

    def heard(self) -> list[str]:
        """Return what was received since the last call, as text."""
        self._pull()
        heard, self._heard = self._heard, []
        return [payload.decode() for payload in heard]

    def lose(self) -> None:
        """Lose the connection."""
        self._reader.lose()

    @property
    def ended(self) -> tuple[int, str] | None:
        """With what the server ended the connection."""
        self._pull()
        return self._ended

    def _pull(self) -> None:
        for payload in self._payloads():
            reply = self.tongue.read(payload)
            farewell = reply.get("push", {}).get("disconnect")
            if farewell is None:
                assert self._ended is None, "something came behind the end"
                self._heard.append(payload)
            else:
                self._ended = farewell["code"], farewell["reason"]
                assert self._reader.complete

    def _payloads(self) -> list[bytes]:
        if self.tongue.name == "protobuf":
            return [frame_of(message) for message in self._reader.messages()]
        body = self._reader.take()
        if self._events:
            events = body.lstrip(b"\n").split(b"\n\n")
            assert events.pop() == b""
            return [_data(event) for event in events]
        assert body.endswith(b"\n") or not body
        return body.split(b"\n")[:-1]


def _data(event: bytes) -> bytes:
    """Return the data of an event, read as the HTML standard has it (9.2.6)."""
    lines = []
    for line in event.splitlines():  # at LF, CR, or both
        assert line.startswith(b"data: "), line
        lines.append(line.removeprefix(b"data: "))
    return b"\n".join(lines)


class StreamHouse(House):
    """A house whose clients come by HTTP.

    Args:
        tongue: what they speak.
        events: whether they come by server-sent events.
    """

    def __init__(self, tongue: Tongue, *, events: bool) -> None:
        super().__init__(tongue)
        self._events = events

    def wire(self, tongue: Tongue | None = None, **request: Any) -> Wire:
        """Return a connection on which nothing was said yet."""
        assert not request
        return StreamWire(self, tongue or self.tongue, events=self._events)


WAYS: dict[str, tuple[Tongue, bool]] = {
    "http_stream": (JsonTongue(), False),
    "http_stream-protobuf": (ProtobufTongue(), False),
    "sse": (JsonTongue(), True),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> tuple[Tongue, bool]:
    """Each transport, in each format that it has."""
    return WAYS[request.param]


@pytest.fixture
def tongue(way: tuple[Tongue, bool]) -> Tongue:
    """The format that clients speak."""
    return way[0]


@pytest.fixture
def house(way: tuple[Tongue, bool], tongue: Tongue) -> Iterator[House]:
    """A house whose log is watched: a failure that no test has asked for fails it."""
    house = StreamHouse(tongue, events=way[1])
    with house.log:
        yield house
    assert house.failures() == []


OTHERWISE = {
    # Below, since the words are others, or what is left behind.
    "test_the_answer_to_a_connect",
    "test_no_heartbeat",
    "test_a_missing_pong",
    # A connection begins with a frame, of the kind that it says, and at an address of its own.
    "test_a_client_that_says_nothing",
    "test_a_bad_first_frame",
    "test_a_binary_frame",
    "test_what_the_connect_handler_sees_and_says",
    "test_the_end_leaves_no_timers",
    # tests/web/test_stream.py has these, with the bounds of a response.
    "test_a_client_that_reads_again",
    "test_a_lost_connection_is_told_to_the_app",
}
globals().update(
    {
        name: test
        for name, test in vars(driver).items()
        if name.startswith("test_") and name not in OTHERWISE
    }
)


# -- what is different ---------------------------------------------------------------------------


def test_the_answer_to_the_connect(house: House) -> None:
    """It says where uplinks go; the pings are those of any connection."""
    wire = house.wire()
    wire.say('{"id":7,"connect":{"token":"ann","name":"js"}}')
    wire._pull()  # type: ignore[attr-defined]
    (payload,) = wire._heard  # type: ignore[attr-defined]
    reply = wire.tongue.read(payload)
    assert len(reply["connect"].pop("client")) == 36
    assert [session.secret for session in house.hub.sessions] == ["s1"]
    assert reply == {
        "id": 7,
        "connect": {
            "version": "1.2.3",
            "ping": 25,
            "pong": True,
            "session": "s1",
            "node": "here",
        },
    }


def test_a_websocket_has_no_session(house: House) -> None:
    """Nothing could be done with it."""
    plain = House.wire(house, house.tongue)
    assert set(plain.ask("connect")) == {"client", "version", "ping", "pong"}


def test_a_first_frame_that_is_none(house: House) -> None:
    """The verdict is a push, and the end of the response."""
    wire = house.wire(JsonTongue())
    wire.say("{")
    assert wire.take() == []
    assert wire.ended is not None
    assert (wire.ended[0], wire.ended[1][:13]) == (3501, "bad request: ")


def test_a_payload_with_carriage_returns(house: House) -> None:
    """They are line ends for server-sent events: what one publishes must not break the others."""
    ann = house.client()
    ann.ask("subscribe", channel="plain:1")
    house.app.publish("plain:1", b'{"a":\r1,\r\n"b":2}')
    ben = house.client("ben")
    ben.ask("subscribe", channel="plain:1")
    (push,) = ann.take()
    assert push["push"]["pub"]["data"] == {"a": 1, "b": 2}
    assert (ann.ended, ben.ended) == (None, None)


def test_no_pings(house: House) -> None:
    """An interval of 0 announces none and sends none."""
    house.protocol = ProtocolSettings(ping_interval=0)
    wire = house.wire()
    assert set(wire.ask("connect")) == {"client", "version"}
    house.pass_time(100)
    assert (wire.take(), wire.ended) == ([], None)


def test_no_pong(house: House) -> None:
    """It ends the connection with 3012 when its time is over, and not before."""
    ann = house.client()
    while not ann.take():
        house.pass_time(0.1)
    house.pass_time(7.8)
    assert ann.ended is None
    house.pass_time(0.3)
    assert ann.ended == (3012, "no pong")
    assert list(house.hub.sessions) == []


def test_nothing_is_left(house: House) -> None:
    """Of a client that has gone there is neither a timer nor presence."""
    ann, ben = house.client("ann"), house.client("ben")
    for wire in (ann, ben):
        wire.begin("subscribe", channel="room:1")
        wire.take()
    ann.lose()
    assert [next(iter(reply["push"])) for reply in ben.take()] == ["channel"]
    assert len(outcome(house.app.presence("room:1"))) == 1
    ben.lose()
    assert len(outcome(house.app.presence("room:1"))) == 0
    house.pass_time(10)
    left = [call for call in house.clock.getDelayedCalls() if "PositionWatch" not in repr(call)]
    assert left == []
