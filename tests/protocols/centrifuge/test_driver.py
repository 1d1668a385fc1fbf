"""The driver: every command, every way to be wrong, and the order of answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed

from sennit.errors import Disconnect, ReplyError
from sennit.hub.request import ConnectRequest, Credentials
from sennit.protocols.centrifuge.setting import ProtocolSettings
from tests.double import LateBroker
from tests.protocols.conftest import House, Wire
from tests.protocols.tongue import JsonTongue

BAD = 3501

in_json = pytest.mark.parametrize("tongue", [JsonTongue()], ids=["json"])
"""For what is about the words themselves."""


# -- connecting ----------------------------------------------------------------------------------


def test_the_answer_to_a_connect(house: House) -> None:
    """It names the connection, the version and the heartbeat; pong is JSON's true."""
    wire = house.wire()
    wire.say('{"id":7,"connect":{"token":"ann","name":"js"}}')
    (reply,) = wire.take()
    client = reply["connect"].pop("client")
    assert len(client) == 36
    assert reply == {"id": 7, "connect": {"version": "1.2.3", "ping": 25, "pong": True}}


@in_json
def test_what_the_connect_handler_sees_and_says(house: House) -> None:
    """Token, payload, name, version and lower-case headers arrive; its payload goes back raw."""
    seen: list[ConnectRequest] = []

    @house.app.on_connect
    def connect(request: ConnectRequest) -> Credentials:
        seen.append(request)
        return Credentials("ann", data=b'{"kept":  1.50}')

    wire = house.wire(address="127.0.0.1:9")
    wire.say(
        '{"id":1,"connect":{"token":"t","data":{"a": 1},"name":"js","version":"2",'
        '"headers":{"X-One":"1"}}}'
    )
    (request,) = seen
    assert (request.token, request.data, request.name, request.version) == (
        "t",
        b'{"a": 1}',
        "js",
        "2",
    )
    assert request.headers == {"x-one": "1"}
    assert (request.address, request.protocol) == ("127.0.0.1:9", "centrifuge")
    assert '"data":{"kept":  1.50}' in wire.heard()[0]


@in_json
@pytest.mark.parametrize("data", ["", ',"data":null'])
def test_a_connect_without_payload(house: House, data: str) -> None:
    """No payload, or null as some SDKs write it, is none."""
    seen: list[bytes | None] = []
    house.app.on_connect(lambda request: seen.append(request.data))
    house.wire().say('{"id":1,"connect":{"token":"t"' + data + "}}")
    assert seen == [None]


def test_a_connect_that_is_refused_with_an_error(house: House) -> None:
    """The client gets the error; any further command ends the connection with 3501."""

    @house.app.on_connect
    def connect(_request: ConnectRequest) -> None:
        raise ReplyError(400, "who are you", temporary=True)

    wire = house.wire()
    assert wire.ask("connect") == {"code": 400, "message": "who are you", "temporary": True}
    assert wire.ended is None
    wire.begin("connect")
    assert wire.ended == (BAD, "bad request: connect was refused")


def test_a_connect_that_is_refused_with_an_error_is_stale_in_the_end(house: House) -> None:
    """A connection that was not let in has no more time than one that says nothing."""
    house.app.on_connect(lambda _: Deferred.fromCoroutine(_refuse()))
    wire = house.wire()
    wire.ask("connect")
    house.pass_time(10.1)
    assert wire.ended == (3502, "stale")


async def _refuse() -> None:
    raise ReplyError(103, "permission denied")


def test_a_connect_that_is_refused_for_good(house: House) -> None:
    """A Disconnect ends the connection with its code and reason; what follows is dropped."""

    @house.app.on_connect
    def connect(_request: ConnectRequest) -> None:
        raise Disconnect(4501, "not you")

    wire = house.wire()
    wire.say('{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"room:1"}}')
    assert wire.ended == (4501, "not you")
    assert wire.take() == []


def test_a_connect_handler_that_fails(house: House) -> None:
    """The client gets error 100, the log one entry with the traceback."""
    house.app.on_connect(lambda _: 1 / 0)
    wire = house.wire()
    assert wire.ask("connect") == {
        "code": 100,
        "message": "internal server error",
        "temporary": True,
    }
    assert house.failures() == ["ZeroDivisionError"]


def test_a_client_that_says_nothing(house: House) -> None:
    """It is disconnected with 3502 when its time is over, and not before."""
    wire = house.wire()
    house.pass_time(9.9)
    assert wire.ended is None
    house.pass_time(0.2)
    assert wire.ended == (3502, "stale")


def test_a_connect_handler_that_takes_too_long(house: House) -> None:
    """It is cancelled when the client becomes stale."""
    ended: list[str] = []

    @house.app.on_connect
    async def connect(_request: ConnectRequest) -> None:
        try:
            await Deferred()
        except CancelledError:
            ended.append("cancelled")
            raise

    wire = house.wire()
    wire.begin("connect")
    house.pass_time(10.1)
    assert wire.ended == (3502, "stale")
    assert ended == ["cancelled"]
    assert wire.take() == []


def test_a_connected_client_is_not_stale(house: House) -> None:
    """Once in, the time for connecting is over."""
    wire = house.client()
    house.pass_time(11)
    assert wire.ended is None


def test_subscribes_in_the_first_frame(house: House) -> None:
    """They wait for the connect, however long, and are answered behind it, in order."""
    let_in: Deferred[Credentials] = Deferred()
    house.app.on_connect(lambda _: let_in)
    wire = house.wire()
    wire.say(
        '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"plain:1"}}\n'
        '{"id":3,"subscribe":{"channel":"plain:2"}}\n'
    )
    assert wire.take() == []
    assert not wire.transport.reading
    let_in.callback(Credentials("ann"))
    assert [reply["id"] for reply in wire.take()] == [1, 2, 3]
    assert wire.transport.reading


# -- what may not be said ------------------------------------------------------------------------


@in_json
@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ("", "no command in frame"),
        ("\n", "no command in frame"),
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ("nonsense", "JSON is malformed"),
        ('{"id":"1","connect":{}}', "Expected `int`"),
        ('{"id":-1,"connect":{}}', "Expected `int` >= 0"),
        ('{"id":4294967296,"connect":{}}', "Expected `int`"),
        ('{"id":1,"connect":{"token":5}}', "Expected `str`"),
        ('{"id":1,"connect":{"headers":{"a":1}}}', "Expected `str`"),
        ('{"id":1,"connect":[]}', "Expected `object"),
        ('{"id":1,"connect":{"data":' + "[" * 20000 + "]" * 20000 + "}}", "recursion"),
        ('{"id":1,"subscribe":{"channel":"room:1"}}', "connect comes first"),
        ('{"id":1,"rpc":{"method":"a"}}', "connect comes first"),
        ('{"send":{"data":1}}', "connect comes first"),
        ("{}", "connect comes first"),
        ('{"connect":{}}', "connect comes first, with an id"),
        ('{"id":1,"connect":{},"rpc":{}}', "two commands in one"),
    ],
)
def test_a_bad_first_frame(house: House, frame: str, why: str) -> None:
    """It ends the connection with 3501 and a reason that says what is wrong."""
    wire = house.wire()
    wire.say(frame)
    assert wire.ended is not None
    code, reason = wire.ended
    assert code == BAD
    assert reason.startswith("bad request: ")
    assert why in reason
    assert wire.take() == []


@in_json
@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ('{"id":2,"connect":{}}', "connect was sent before"),
        ('{"id":2}', "no known command"),
        ('{"id":2,"ping":{}}', "no known command"),
        ('{"id":2,"dance":{}}', "no known command"),
        ('{"rpc":{"method":"a"}}', "rpc without id"),
        ('{"id":2,"subscribe":{}}', "subscribe without channel"),
        ('{"id":2,"unsubscribe":{}}', "unsubscribe without channel"),
        ('{"id":2,"publish":{"data":1}}', "publish without channel"),
        ('{"id":2,"presence":{}}', "presence without channel"),
        ('{"id":2,"presence_stats":{}}', "presence_stats without channel"),
        ('{"id":2,"history":{"channel":""}}', "history without channel"),
        ('{"id":2,"subscribe":{"channel":"room:1","delta":"bsdiff"}}', "unknown delta"),
        ('{"id":2,"subscribe":{"channel":"room:1","offset":-1}}', "Expected `int` >= 0"),
        ('{"id":2,"history":{"channel":"room:1","limit":"all"}}', "Expected `int`"),
    ],
)
def test_a_bad_later_frame(house: House, frame: str, why: str) -> None:
    """It ends the connection with 3501; others are served all the while."""
    other = house.client("ben")
    wire = house.client()
    wire.say(frame)
    assert wire.ended is not None
    assert wire.ended[0] == BAD
    assert why in wire.ended[1]
    assert other.ask("subscribe", channel="plain:1") == {}


@in_json
def test_a_binary_frame(house: House) -> None:
    """On a JSON connection it ends the connection with 3501."""
    wire = house.client()
    wire.handler.message_received(b"{}", is_text=False)
    assert wire.ended == (BAD, "bad request: binary frame where text is spoken")


def test_what_follows_a_bad_command_is_dropped(house: House) -> None:
    """What came before it in the frame is done, what comes after it is not."""
    wire = house.client()
    wire.say(
        '{"id":2,"subscribe":{"channel":"plain:1"}}\n{"id":3}\n'
        '{"id":4,"subscribe":{"channel":"plain:2"}}'
    )
    assert [reply["id"] for reply in wire.take()] == [2]
    wire.begin("subscribe", channel="plain:3")
    assert wire.take() == []


# -- commands and their answers ------------------------------------------------------------------


def test_subscribe_publish_and_unsubscribe(house: House) -> None:
    """The answer comes before the pushes; the joiner hears of itself; results are objects."""
    ann = house.client("ann")
    ann.begin("subscribe", channel="room:1")
    answer, join = ann.take()
    epoch = answer["subscribe"].pop("epoch")
    assert epoch
    assert answer["subscribe"] == {"recoverable": True, "positioned": True}
    info = join["push"]["join"]["info"]
    assert info["user"] == "ann"
    assert info["conn_info"] == {"name": "Ann"}
    ann.begin("publish", channel="room:1", data={"text": "hi"})
    push, answer = ann.take()
    assert push == {
        "push": {
            "channel": "room:1",
            "pub": {"data": {"text": "hi"}, "info": info, "offset": 1},
        }
    }
    assert answer["publish"] == {}
    assert ann.ask("unsubscribe", channel="room:1") == {}
    assert ann.ask("unsubscribe", channel="room:1") == {}


def test_presence_and_its_counts(house: House) -> None:
    """Who is there, by connection id; how many connections and how many users."""
    ann, again, ben = house.client("ann"), house.client("ann"), house.client("ben")
    for wire in (ann, again, ben):
        wire.begin("subscribe", channel="room:1")
    ann.take()
    there = ann.ask("presence", channel="room:1")["presence"]
    assert sorted(info["user"] for info in there.values()) == ["ann", "ann", "ben"]
    assert all(info["client"] == client for client, info in there.items())
    assert ann.ask("presence_stats", channel="room:1") == {"num_clients": 3, "num_users": 2}


def test_nobody_is_there(house: House) -> None:
    """Zero is written, since SDKs look for it."""
    ann = house.client()
    assert ann.ask("presence", channel="room:1") == {"presence": {}}
    assert ann.ask("presence_stats", channel="room:1") == {"num_clients": 0, "num_users": 0}


def test_history(house: House) -> None:
    """Pages forward and in reverse, from a position; limit 0 is the position alone."""
    ann = house.client()
    for number in range(4):
        ann.ask("publish", channel="room:1", data=number)
    top = ann.ask("history", channel="room:1")
    epoch = top["epoch"]
    assert top == {"publications": [], "epoch": epoch, "offset": 4}

    def read(**body: Any) -> list[int]:
        page = ann.ask("history", channel="room:1", **body)
        return [publication["offset"] for publication in page["publications"]]

    assert read(limit=-1) == [1, 2, 3, 4]
    assert read(limit=2, since={"offset": 1, "epoch": epoch}) == [2, 3]
    assert read(limit=2, reverse=True) == [4, 3]
    assert read(limit=-1, reverse=True, since={"offset": 3, "epoch": epoch}) == [2, 1]
    wrong = ann.ask("history", channel="room:1", since={"offset": 1, "epoch": "other"})
    assert wrong["code"] == 112


@in_json
def test_rpc(house: House) -> None:
    """The payload arrives and leaves as it is written."""

    @house.app.rpc("echo")
    def echo(_session: Any, params: bytes) -> bytes:
        return params

    ann = house.client()
    ann.say('{"id":5,"rpc":{"method":"echo","data":{"number": 1.10}}}')
    assert ann.heard() == ['{"id":5,"rpc":{"data":{"number": 1.10}}}']


def test_send(house: House) -> None:
    """It gets no reply, with or without an id, whatever becomes of it."""
    said: list[bytes] = []

    @house.app.on_message
    def message(_session: Any, data: bytes) -> None:
        said.append(data)
        raise ReplyError(400, "nobody hears this")

    ann = house.client()
    ann.say('{"send":{"data":{"a":1}}}\n{"id":3,"send":{"data":2}}')
    assert said == [b'{"a":1}', b"2"]
    assert ann.ended is None


def test_send_to_an_app_that_takes_none(house: House) -> None:
    """It ends the connection with 3508."""
    ann = house.client()
    ann.say('{"send":{"data":1}}')
    assert ann.ended == (3508, "not available")


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("subscribe", {"channel": "nowhere:1"}, 102),
        ("subscribe", {"channel": "$room:1"}, 103),
        ("subscribe", {"channel": "r\u00f6\u00f6m"}, 107),
        ("subscribe", {"channel": "room:" + "x" * 300}, 107),
        ("subscribe", {"channel": "room:1", "type": 1}, 108),
        ("subscribe", {"channel": "room:1", "tf": {"op": "and"}}, 107),
        ("publish", {"channel": "nowhere:1", "data": 1}, 102),
        ("publish", {"channel": "plain:1"}, 107),
        ("presence", {"channel": "plain:1"}, 108),
        ("presence_stats", {"channel": "plain:1"}, 108),
        ("history", {"channel": "plain:1"}, 108),
        ("history", {"channel": "room:1", "reverse": True, "since": {"offset": 0}}, 107),
        ("rpc", {"method": "none"}, 108),
        ("refresh", {"token": "t"}, 108),
        ("sub_refresh", {"channel": "room:1", "token": "t"}, 108),
    ],
)
def test_errors(house: House, name: str, body: dict[str, Any], code: int) -> None:
    """Each has its code and a message, and the connection goes on."""
    ann = house.client()
    error = ann.ask(name, **body)
    assert error["code"] == code
    assert error["message"]
    assert ann.ended is None


def test_an_unknown_method(house: House) -> None:
    """104, where the app has procedures at all."""
    house.app.rpc("one")(lambda _session, _params: None)
    assert house.client().ask("rpc", method="two") == {
        "code": 104,
        "message": "method not found",
    }


def test_an_anonymous_client_has_no_rights_of_a_client(house: House) -> None:
    """103, where the namespace lets users in only."""
    assert house.client("").ask("subscribe", channel="plain:1")["code"] == 103


def test_subscribing_twice(house: House) -> None:
    """105."""
    ann = house.client()
    ann.begin("subscribe", channel="plain:1")
    ann.take()
    assert ann.ask("subscribe", channel="plain:1")["code"] == 105


def test_tags_are_carried(house: House) -> None:
    """A publication's tags go along."""
    ann = house.client()
    ann.ask("subscribe", channel="plain:1")
    house.app.publish("plain:1", "x", tags={"a": "b"})
    assert ann.take() == [
        {"push": {"channel": "plain:1", "pub": {"data": "x", "tags": {"a": "b"}}}}
    ]


def test_an_answer_that_nobody_foresaw(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours is error 100 and an entry in the log, and the connection goes on."""
    ann = house.client()

    def mistaken(*_: object) -> None:
        raise RuntimeError("a mistake, for the test")

    monkeypatch.setattr("sennit.hub.session.Session.rpc", mistaken)
    assert ann.ask("rpc", method="any")["code"] == 100
    assert house.failures() == ["RuntimeError"]
    monkeypatch.undo()
    assert ann.ask("subscribe", channel="plain:1") == {}


def test_a_handler_that_cancels_itself(house: House) -> None:
    """Its client gets error 100, since the connection is there."""

    @house.app.rpc("give-up")
    def give_up(_session: Any, _params: Any) -> None:
        raise CancelledError

    assert house.client().ask("rpc", method="give-up")["code"] == 100
    assert house.failures() == ["CancelledError"]


def test_a_handler_that_disconnects(house: House) -> None:
    """Its Disconnect ends the connection; what it was asked gets no reply."""

    @house.app.rpc("leave")
    async def leave(_session: Any, _params: Any) -> None:
        await succeed(None)
        raise Disconnect(4000, "as you wish")

    ann = house.client()
    ann.begin("rpc", method="leave")
    assert ann.ended == (4000, "as you wish")
    assert ann.take() == []


# -- recovery ------------------------------------------------------------------------------------


def test_recovery(house: House) -> None:
    """What was missed comes in the answer, which stands at the client's own offset."""
    ann, ben = house.client("ann"), house.client("ben")
    for number in range(3):
        ann.ask("publish", channel="room:1", data=number)
    epoch = ann.ask("history", channel="room:1")["epoch"]
    ben.begin("subscribe", channel="room:1", recover=True, offset=1, epoch=epoch)
    answer = ben.take()[0]["subscribe"]
    publications = answer.pop("publications")
    assert [publication["data"] for publication in publications] == [1, 2]
    assert answer == {
        "recoverable": True,
        "epoch": epoch,
        "recovered": True,
        "offset": 1,
        "positioned": True,
        "was_recovering": True,
    }


@pytest.mark.parametrize(("flag", "strict"), [(0, False), (1, False), (2, True), (3, True)])
def test_recovery_that_is_not_possible(house: House, flag: int, strict: bool) -> None:
    """Honestly nothing, or error 112 for clients that prefer it; also after SDKs' sentinel."""
    ann = house.client()
    ann.ask("publish", channel="room:1", data=1)
    ann.begin("subscribe", channel="room:1", recover=True, offset=0, epoch="_", flag=flag)
    reply = ann.take()[0]
    if strict:
        assert reply["error"]["code"] == 112
        assert ann.ask("presence", channel="room:1") == {"presence": {}}
    else:
        answer = reply["subscribe"]
        assert answer.pop("epoch")
        assert answer == {
            "recoverable": True,
            "offset": 1,
            "positioned": True,
            "was_recovering": True,
        }


# -- order, bounds and cancellation --------------------------------------------------------------


def test_order_within_a_channel_and_between_channels(house: House) -> None:
    """One channel's commands are answered in order; another channel does not wait."""
    gates: dict[str, Deferred[None]] = {"guarded:slow": Deferred(), "guarded:fast": succeed(None)}
    guarded = house.app.namespace("guarded", allow_publish={"client"})
    guarded.on_subscribe(lambda _session, channel, _request: gates[channel])
    ann = house.client()
    ann.say(
        "\n".join(
            json.dumps(command)
            for command in (
                {"id": 2, "subscribe": {"channel": "guarded:slow"}},
                {"id": 3, "publish": {"channel": "guarded:slow", "data": 1}},
                {"id": 4, "subscribe": {"channel": "guarded:fast"}},
                {"id": 5, "unsubscribe": {"channel": "guarded:slow"}},
            )
        )
    )
    assert [reply["id"] for reply in ann.take()] == [4]
    gates["guarded:slow"].callback(None)
    assert [reply.get("id", "push") for reply in ann.take()] == [2, "push", 3, 5]


def test_commands_over_the_bound(house: House) -> None:
    """They wait, in order, and nothing more is read meanwhile."""
    house.protocol = ProtocolSettings(max_in_flight=2)
    calls: list[Deferred[int]] = []

    @house.app.rpc("slow")
    def slow(_session: Any, _params: Any) -> Deferred[int]:
        calls.append(Deferred())
        return calls[-1]

    ann = house.client()
    ann.say("\n".join(f'{{"id":{number},"rpc":{{"method":"slow"}}}}' for number in range(2, 6)))
    assert len(calls) == 2
    assert not ann.transport.reading
    calls[1].callback(1)
    assert len(calls) == 3
    assert [reply["id"] for reply in ann.take()] == [3]
    assert not ann.transport.reading
    calls[0].callback(0)
    assert len(calls) == 4
    assert ann.transport.reading
    calls[3].callback(3)
    calls[2].callback(2)
    assert [reply["id"] for reply in ann.take()] == [2, 5, 4]


def test_thousands_of_commands_in_a_frame(house: House) -> None:
    """They are done one after the other, without depth."""
    ann = house.client()
    ann.say(
        "\n".join(
            f'{{"id":{number},"history":{{"channel":"room:1"}}}}' for number in range(2, 3000)
        )
    )
    assert [reply["id"] for reply in ann.take()] == list(range(2, 3000))


def test_thousands_of_commands_behind_a_slow_one(house: House) -> None:
    """They are done one after the other when it is answered, without depth."""
    house.protocol = ProtocolSettings(max_in_flight=10_000)
    gate: Deferred[None] = Deferred()
    house.app.namespace("guarded").on_subscribe(lambda *_: gate)
    ann = house.client()
    ann.begin("subscribe", channel="guarded:1")
    for _ in range(3000):
        ann.begin("unsubscribe", channel="guarded:1")
    assert ann.take() == []
    gate.callback(None)
    assert len(ann.take()) == 3001


def test_a_lost_connection_cancels_what_runs(house: House) -> None:
    """The handler's Deferred is cancelled, what waits behind is not started."""
    cancelled: list[str] = []
    started: list[str] = []

    @house.app.rpc("slow")
    def slow(_session: Any, _params: Any) -> Deferred[None]:
        return Deferred(lambda _: cancelled.append("rpc"))

    guarded = house.app.namespace("guarded")

    @guarded.on_subscribe
    def subscribe(_session: Any, channel: str, _request: Any) -> Deferred[None]:
        started.append(channel)
        return Deferred(lambda _: cancelled.append(channel))

    ann = house.client()
    ann.begin("rpc", method="slow")
    ann.begin("subscribe", channel="guarded:1")
    ann.begin("unsubscribe", channel="guarded:1")
    ann.lose()
    assert sorted(cancelled) == ["guarded:1", "rpc"]
    assert started == ["guarded:1"]
    assert ann.take() == []


def test_a_lost_connection_is_told_to_the_app(house: House) -> None:
    """``on_disconnect`` hears how it ended."""
    heard: list[Any] = []
    house.app.on_disconnect(lambda session, closed: heard.append((session.user, closed.code)))
    ann = house.client()
    ann.lose()
    assert heard == [("ann", 1001)]


def test_nothing_is_said_after_the_end(house: House) -> None:
    """Frames that arrive while the connection is closing are not looked at."""
    called: list[Any] = []
    house.app.rpc("call")(lambda _session, _params: called.append(1))
    ann = house.client()
    house.app.disconnect("ann")
    ann.begin("rpc", method="call")
    assert called == []
    assert ann.ended == (3503, "force disconnect")


def test_answers_of_a_late_broker_come_in_order(house: House) -> None:
    """Whatever the broker's delays, each channel's replies are in the order of its commands."""
    house.broker = LateBroker(house.clock, seed=5)
    house.protocol = ProtocolSettings(max_in_flight=10_000, ping_interval=0)
    ann = house.client()
    channels = ("room:1", "room:2", "room:3")
    asked: dict[str, list[int]] = {channel: [] for channel in channels}
    for number in range(60):
        channel = channels[number % 3]
        asked[channel].append(ann.begin("publish", channel=channel, data=number))
    house.pass_time(200)
    replies = [reply["id"] for reply in ann.take() if "id" in reply]
    assert replies != sorted(replies)
    for numbers in asked.values():
        assert [number for number in replies if number in numbers] == numbers


def test_a_client_that_never_reads(house: House) -> None:
    """Its queue is bounded, then it is disconnected with 3008; others go on."""
    ann, ben = house.client("ann"), house.client("ben")
    for wire in (ann, ben):
        wire.ask("subscribe", channel="plain:1")
    ann.transport.blocked = True
    for _ in range(20):
        house.app.publish("plain:1", "x" * 100_000)
    assert ann.ended == (3008, "slow")
    assert len(ben.take()) == 20


def test_a_client_that_reads_again(house: House) -> None:
    """It gets everything that waited, in order."""
    ann = house.client()
    ann.ask("subscribe", channel="plain:1")
    ann.transport.blocked = True
    for number in range(5):
        house.app.publish("plain:1", number)
    assert ann.take() == []
    ann.transport.blocked = False
    ann.handler.writable()
    assert [push["push"]["pub"]["data"] for push in ann.take()] == [0, 1, 2, 3, 4]


# -- the heartbeat -------------------------------------------------------------------------------


def drain(wire: Wire) -> int:
    """Return how many pings came."""
    heard = wire.take()
    assert all(reply == {} for reply in heard)
    return len(heard)


def test_pings_and_pongs(house: House) -> None:
    """The first ping comes after half to whole of the interval, then one each interval."""
    ann = house.client()
    house.pass_time(12.4)
    assert drain(ann) == 0
    pings = 0
    for _ in range(130):
        house.pass_time(1)
        came = drain(ann)
        pings += came
        if came:
            ann.say("{}")
    assert pings in (5, 6)
    assert ann.ended is None


def test_a_missing_pong(house: House) -> None:
    """It ends the connection with 3012 when its time is over, and not before."""
    ann = house.client()
    waited = 0.0
    while not drain(ann):
        house.pass_time(0.1)
        waited += 0.1
    assert 12.4 < waited < 25.2
    house.pass_time(7.8)
    assert ann.ended is None
    house.pass_time(0.3)
    assert ann.ended == (3012, "no pong")
    assert house.clock.getDelayedCalls() == []


def test_a_pong_that_nobody_asked_for(house: House) -> None:
    """It breaks nothing."""
    ann = house.client()
    ann.say("{}\n{}")
    assert ann.ended is None


def test_a_blocked_loop_does_not_kill_the_peer(house: House) -> None:
    """A timer that comes late gives the pong its time again, once the loop runs."""
    ann = house.client()
    while not drain(ann):
        house.pass_time(0.1)
    house.clock.advance(20)
    assert ann.ended is None
    ann.say("{}")
    house.pass_time(8.1)
    assert ann.ended is None


def test_a_paused_connection_does_not_kill_the_peer(house: House) -> None:
    """While commands over the bound keep us from reading, no pong is missed."""
    house.protocol = ProtocolSettings(max_in_flight=1)
    gate: Deferred[None] = Deferred()
    house.app.rpc("slow")(lambda _session, _params: gate)
    ann = house.client()
    ann.begin("rpc", method="slow")
    ann.begin("rpc", method="slow")
    house.pass_time(60)
    assert ann.ended is None
    gate.callback(None)
    house.pass_time(20)
    assert ann.ended == (3012, "no pong")


def test_no_heartbeat(house: House) -> None:
    """An interval of 0 announces none and sends none."""
    house.protocol = ProtocolSettings(ping_interval=0)
    wire = house.wire()
    assert set(wire.ask("connect")) == {"client", "version"}
    house.pass_time(100)
    assert wire.take() == []
    wire.say("{}")
    assert wire.ended is None


def test_the_end_leaves_no_timers(house: House) -> None:
    """Neither of a client that has connected nor of one that has not."""
    ann, nobody = house.client(), house.wire()
    ann.lose()
    nobody.lose()
    assert house.clock.getDelayedCalls() == []
