"""The HTTP API: who may use it, each method, each way to be wrong, and its description."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from typing import Any
from urllib.parse import urljoin

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.test.requesthelper import DummyRequest

from sennit.errors import ConfigurationError, Disconnect, HandshakeError, ReplyError
from sennit.hub.namespace import History
from sennit.hub.payload import Binary
from sennit.hub.setting import HubSettings
from sennit.web.api import Api, ApiSettings
from sennit.web.api_message import REQUESTS
from sennit.web.api_method import ApiMethods
from sennit.web.open_api import describe_api
from tests.hub.conftest import House
from tests.web.double import Answer, Browser

KEY = "a key"


class Caller:
    """A hub, the API to it, and what asks it.

    Args:
        house: the hub.
        settings: who may ask.
    """

    def __init__(self, house: House, settings: ApiSettings | None = None) -> None:
        self.house = house
        methods = ApiMethods(house.hub, "here", "1.2.3")
        root = Resource()
        settings = settings or ApiSettings(keys=(KEY, "another"))
        self.closed: HandshakeError | None = None
        self.api = Api(settings, methods, 4096, self._check_open, lambda: describe_api("1.2.3"))
        root.putChild(b"api", self.api)
        self.browser = Browser(root)

    def _check_open(self) -> None:
        if self.closed is not None:
            raise self.closed

    def post(self, method: str, body: Any, **headers: str) -> Answer:
        """Call a method, and return the answer as it is."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers.setdefault("X-API-Key", KEY)
        return self.browser.ask(f"/api/{method}", "POST", sent, **headers)

    def call(self, method: str, /, **request: Any) -> Any:
        """Call a method, check the answer against the description, and return it."""
        found = self.post(method, request)
        assert (found.status, found.headers["content-type"]) == (200, "application/json")
        answer = json.loads(found.body)
        check(method, answer)
        return answer

    def result(self, method: str, /, **request: Any) -> Any:
        """Call a method and return its result."""
        return self.call(method, **request)["result"]

    def error(self, method: str, /, **request: Any) -> int:
        """Call a method and return the code of its error."""
        code: int = self.call(method, **request)["error"]["code"]
        return code


def check(method: str, answer: Any) -> None:
    """Check an answer against the OpenAPI description."""
    described = json.loads(describe_api("1.2.3"))
    content = described["paths"][f"/{method}"]["post"]["responses"]["200"]["content"]
    schema = {**content["application/json"]["schema"], "components": described["components"]}
    Draft202012Validator(schema).validate(answer)


@pytest.fixture
def caller(house: House) -> Caller:
    """A caller of an app with a few namespaces."""
    house.app.namespace(
        "room",
        presence=True,
        history=History(9, 99),
        recovery=True,
        allow_subscribe={"client"},
    )
    house.app.namespace("plain", allow_subscribe={"client"})
    house.app.namespace("strict", publication_data_format="json_object")
    return Caller(house)


# -- who may use it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/info", {"X-API-Key": KEY}),
        ("/api/info", {"X-API-Key": "another"}),
        ("/api/info", {"Authorization": f"apikey {KEY}"}),
        ("/api/info", {"Authorization": f"ApiKey {KEY}"}),
        ("/api/info?api_key=a%20key", {}),
    ],
)
def test_a_key(caller: Caller, path: str, headers: dict[str, str]) -> None:
    """Any of the keys opens it, said in any of three ways."""
    assert caller.browser.ask(path, "POST", b"{}", **headers).status == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/info", {}),
        ("/api/info", {"X-API-Key": ""}),
        ("/api/info", {"X-API-Key": "a ke"}),
        ("/api/info", {"X-API-Key": "a key and more"}),
        ("/api/info", {"X-API-Key": "caf\xe9"}),
        ("/api/info", {"Authorization": f"Bearer {KEY}"}),
        ("/api/info", {"Authorization": "apikey"}),
        ("/api/info?api_key=", {}),
        ("/api/nothing", {}),
        ("/api", {}),
        ("/api/", {}),
    ],
)
def test_without_a_key(caller: Caller, path: str, headers: dict[str, str]) -> None:
    """It is 401 with an empty body, whatever was asked."""
    found = caller.browser.ask(path, "POST", b"{}", **headers)
    assert (found.status, found.body) == (401, b"")


@pytest.mark.parametrize("key", ["", " hidden", "hidden ", "hidden\n", "caf\xe9"])
def test_what_is_no_key(key: str) -> None:
    """What no header can carry is refused when the server starts, and not repeated."""
    with pytest.raises(ConfigurationError, match="an api key is") as caught:
        ApiSettings(keys=("a", key))
    assert not key or key not in str(caught.value)


# -- what is no call -----------------------------------------------------------------------------


def test_other_methods_of_http(caller: Caller) -> None:
    """405, and which one it is."""
    for method in ("GET", "PUT", "DELETE"):
        found = caller.browser.ask("/api/info", method, b"", **{"X-API-Key": KEY})
        assert (found.status, found.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'{"data":' + b"[" * 3000,
        b'{"channel": "room:a"} x',
        # Within a payload, which nobody would look at before it is with the subscribers.
        b'{"channel": "room:a", "data": "\xff"}',
        b'{"channel": "room:a", "data": 1, "what is that?": "\xff"}',
    ],
)
def test_a_body_that_is_no_json(caller: Caller, body: bytes) -> None:
    """400, and a sentence."""
    found = caller.post("publish", body)
    assert found.status == 400
    assert "not JSON" in json.loads(found.body)["message"]


def test_a_body_that_is_too_large(caller: Caller) -> None:
    """413."""
    assert caller.post("publish", b" " * 4097).status == 413
    good = json.dumps({"channel": "plain:a", "data": 1}).encode()
    assert caller.post("publish", good + b" " * (4096 - len(good))).status == 200


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/info/", "/api/info/more"])
def test_no_method_at_all(caller: Caller, path: str) -> None:
    """Error 104, as of a name that is none."""
    found = caller.browser.ask(path, "POST", b"{}", **{"X-API-Key": KEY})
    assert (found.status, json.loads(found.body)["error"]["code"]) == (200, 104)


def test_a_site_that_takes_any_body(caller: Caller) -> None:
    """Of what a site of somebody else's has taken no more is read than is allowed."""
    request: Any = DummyRequest([b"info"])
    request.method = b"POST"
    request.requestHeaders.setRawHeaders("X-API-Key", [KEY])
    request.content = BytesIO(b" " * 10_000)
    method = caller.api.getChild(b"info", request)
    request.postpath = []
    assert b"has over 4096 bytes" in method.render(request)
    assert (request.responseCode, request.content.tell()) == (413, 4097)


def test_a_server_that_does_not_run(caller: Caller) -> None:
    """Whoever has a key is told to come again; others are told what they always are."""
    caller.closed = HandshakeError(503, "the server is stopping", (("Retry-After", "1"),))
    found = caller.post("publish", {"channel": "room:a", "data": 1})
    assert (found.status, found.headers["retry-after"]) == (503, "1")
    assert json.loads(found.body) == {"code": 100, "message": "the server is stopping"}
    assert caller.browser.ask("/api/info", "POST", b"{}").status == 401
    assert caller.browser.ask("/api/openapi.json").status == 200
    caller.closed = None
    assert caller.result("publish", channel="room:a", data=1)["offset"] == 1


# -- errors, in both modes -----------------------------------------------------------------------

BAD: list[tuple[str, dict[str, Any], int, int]] = [
    ("nothing", {}, 104, 404),
    ("publish", {"channel": "nowhere:a", "data": 1}, 102, 404),
    ("publish", {"channel": "", "data": 1}, 107, 400),
    ("publish", {"data": 1}, 107, 400),
    ("publish", {"channel": "room:a"}, 107, 400),
    ("publish", {"channel": "room:a", "b64data": "%"}, 107, 400),
    ("publish", {"channel": "room:a", "data": 1, "tags": {"a": 1}}, 107, 400),
    ("publish", {"channel": "caf\xe9", "data": 1}, 107, 400),
    ("publish", {"channel": "strict:a", "data": 1}, 107, 400),
    ("publish", {"channel": ["room:a"], "data": 1}, 107, 400),
    ("broadcast", {"channels": [], "data": 1}, 107, 400),
    ("broadcast", {"channels": ["plain:a"]}, 107, 400),
    ("subscribe", {"user": "", "channel": "plain:a"}, 107, 400),
    ("subscribe", {"user": "ann"}, 107, 400),
    ("subscribe", {"user": "ann", "channel": "nowhere:a"}, 102, 404),
    ("subscribe", {"user": "ann", "channel": "plain:a", "b64info": "/w=="}, 107, 400),
    ("unsubscribe", {"user": "ann"}, 107, 400),
    ("unsubscribe", {"user": "ann", "channel": "nowhere:a"}, 102, 404),
    ("disconnect", {}, 107, 400),
    ("disconnect", {"user": "ann", "disconnect": {"code": 1, "reason": "x"}}, 107, 400),
    ("disconnect", {"user": "ann", "disconnect": {"code": 4500, "reason": ""}}, 107, 400),
    ("refresh", {}, 107, 400),
    ("presence", {"channel": "plain:a"}, 108, 400),
    ("presence", {"channel": "nowhere:a"}, 102, 404),
    ("presence_stats", {"channel": "plain:a"}, 108, 400),
    ("history", {"channel": "plain:a"}, 108, 400),
    ("history", {"channel": "room:a", "since": {"epoch": "other", "offset": 1}}, 112, 416),
    ("history", {"channel": "room:a", "since": {}, "reverse": True}, 107, 400),
    ("history", {"channel": "room:a", "since": {"offset": -1}}, 107, 400),
    ("history_remove", {"channel": "plain:a"}, 108, 400),
    ("history_remove", {"channel": "nowhere:a"}, 102, 404),
    ("rpc", {"method": "nothing"}, 104, 404),
    ("rpc", {}, 107, 400),
    ("batch", {}, 107, 400),
]


@pytest.mark.parametrize(("method", "request_", "code", "status"), BAD)
def test_errors(
    caller: Caller, method: str, request_: dict[str, Any], code: int, status: int
) -> None:
    """A failed call is answered with 200 and the error, or, if so wanted, by the status."""
    found = caller.post(method, request_)
    error = json.loads(found.body)["error"]
    assert (found.status, error["code"]) == (200, code)
    assert error["message"]
    if method in REQUESTS:
        check(method, json.loads(found.body))
    by_status = caller.post(method, request_, **{"X-Centrifugo-Error-Mode": "transport"})
    assert (by_status.status, json.loads(by_status.body)) == (status, error)


def test_errors_by_the_status_for_all(house: House) -> None:
    """The configuration can say so for every request."""
    caller = Caller(house, ApiSettings(keys=(KEY,), error_mode="transport"))
    found = caller.post("publish", {"channel": "nowhere:a", "data": 1})
    assert (found.status, json.loads(found.body)["code"]) == (404, 102)


# -- the methods ---------------------------------------------------------------------------------


def test_publish(caller: Caller) -> None:
    """It answers where the publication stands; without history with nothing."""
    ann = caller.house.person()
    ann.subscribe("room:a")
    ann.take()
    answer = caller.result("publish", channel="room:a", data={"text": "hi"}, tags={"a": "b"})
    assert answer["offset"] == 1
    assert answer["epoch"]
    assert caller.result("publish", channel="plain:a", data=1) == {}
    again = {"channel": "room:a", "data": 2, "idempotency_key": "k"}
    assert caller.result("publish", **again) == caller.result("publish", **again)
    caller.result("publish", channel="room:a", b64data=base64.b64encode(b"[3]").decode())
    caller.result("publish", channel="room:a", data="now", skip_history=True)
    assert ann.take() == [
        ["pub", "room:a", 1, {"text": "hi"}],
        ["pub", "room:a", 2, 2],
        ["pub", "room:a", 3, [3]],
        ["pub", "room:a", 0, "now"],
    ]
    page = caller.result("history", channel="room:a", limit=-1)
    assert [one["offset"] for one in page["publications"]] == [1, 2, 3]
    assert page["publications"][0] == {"offset": 1, "data": {"text": "hi"}, "tags": {"a": "b"}}
    assert page["offset"] == 3


def test_versions(caller: Caller) -> None:
    """What is not newer than what the channel has seen is not published; another run is."""
    offsets = [
        caller.result("publish", channel="room:a", data=1, version=version, version_epoch=epoch)
        for version, epoch in ((5, ""), (5, ""), (4, ""), (6, ""), (1, "next"), (1, "next"))
    ]
    assert [one["offset"] for one in offsets] == [1, 1, 1, 2, 3, 3]


def test_bytes_in_the_history(caller: Caller) -> None:
    """Those that are no JSON are told in base64."""
    encoded = base64.b64encode(b"\xff\x00").decode()
    caller.result("publish", channel="room:a", b64data=encoded)
    caller.house.publish("room:a", Binary(b"\xff\x00"))
    caller.house.publish("room:a", Binary(b"[1]"))
    caller.house.app.namespace("bytes", history=History(9, 99), publication_data_format="binary")
    caller.house.publish("bytes:a", Binary())
    page = caller.result("history", channel="room:a", limit=3)["publications"]
    assert page == [
        {"offset": 1, "b64data": encoded},
        {"offset": 2, "b64data": encoded},
        {"offset": 3, "data": [1]},
    ]
    page = caller.result("history", channel="bytes:a", limit=1)["publications"]
    assert page == [{"offset": 1, "b64data": ""}]


def test_broadcast(caller: Caller) -> None:
    """Each channel has its answer, in their order."""
    answer = caller.result("broadcast", channels=["room:a", "nowhere:a", "plain:a"], data=1)
    first, second, third = answer["responses"]
    assert first["result"]["offset"] == 1
    assert second["error"]["code"] == 102
    assert third == {"result": {}}


def test_subscribe_and_unsubscribe(caller: Caller) -> None:
    """A user's connections are subscribed, or one of them; and no more."""
    ann, again = caller.house.person("ann"), caller.house.person("ann")
    assert caller.result("subscribe", user="ann", channel="room:a", info={"seat": 4}) == {}
    presence = caller.result("presence", channel="room:a")["presence"]
    assert set(presence) == {ann.session.id, again.session.id}
    shown = {"name": "Ann"}
    one = {"user": "ann", "client": ann.session.id, "conn_info": shown, "chan_info": {"seat": 4}}
    assert presence[ann.session.id] == one
    stats = {"num_clients": 2, "num_users": 1}
    assert caller.result("presence_stats", channel="room:a") == stats
    caller.result("unsubscribe", user="ann", channel="room:a", client=ann.session.id)
    assert not ann.session.is_subscribed("room:a")
    assert again.session.is_subscribed("room:a")
    caller.result(
        "subscribe", user="ann", channel="plain:a", override={"presence": {"value": True}}
    )
    caller.result("unsubscribe", user="ann", channel="")
    assert again.session.channels == ann.session.channels == ()
    assert ["unsubscribe", "plain:a", 2000, "server unsubscribe"] in ann.take()
    caller.result("subscribe", user="ann", channel="plain:a", session="no such secret")
    assert ann.session.channels == ()


def test_subscribe_from_a_position(caller: Caller) -> None:
    """What came since is sent; a position that is gone is error 112."""
    since = caller.result("publish", channel="room:a", data=1)
    caller.result("publish", channel="room:a", data=2)
    ann = caller.house.person()
    caller.result("subscribe", user="ann", channel="room:a", recover_since=since)
    assert ann.take() == [["subscribe", "room:a", 1], ["pub", "room:a", 2, 2]]
    caller.house.person("bob")
    lost = {"epoch": "other", "offset": 1}
    assert caller.error("subscribe", user="bob", channel="room:a", recover_since=lost) == 112


def test_a_crowd_is_not_told_whole(house: House) -> None:
    """The presence of one answer is bounded; all are counted."""
    house.settings = HubSettings(presence_limit=2)
    house.app.namespace("room", presence=True, allow_subscribe={"client"})
    caller = Caller(house)
    for name in ("ann", "bob", "eve"):
        house.person(name).subscribe("room:a")
    assert len(caller.result("presence", channel="room:a")["presence"]) == 2
    assert caller.result("presence_stats", channel="room:a")["num_clients"] == 3


def test_disconnect(caller: Caller) -> None:
    """With 3503 unless it says otherwise; some may stay."""
    people = [caller.house.person("ann") for _ in range(3)]
    caller.result("disconnect", user="ann", whitelist=[people[0].session.id])
    ended = [person.transport.disconnected for person in people]
    assert ended == [None, (3503, "force disconnect"), (3503, "force disconnect")]
    why = {"code": 4500, "reason": "bye"}
    caller.result("disconnect", user="ann", client=people[0].session.id, disconnect=why)
    assert people[0].transport.disconnected == (4500, "bye")


def test_refresh(caller: Caller) -> None:
    """Connections get another end, or end to be renewed."""
    ann = caller.house.person("ann")
    now = caller.house.hub.now()
    caller.result("refresh", user="ann", expire_at=now + 100, info={"name": "Anna"})
    assert json.loads(ann.session.info.conn_info or b"") == {"name": "Anna"}
    assert caller.error("refresh", user="ann", expire_at=now - 1) == 110
    caller.result("refresh", user="ann")
    caller.result("refresh", user="ann", expire_at=now + 1)
    caller.result("refresh", user="ann", expire_at=0)
    caller.house.clock.advance(1000)
    assert ann.transport.disconnected is None
    caller.result("refresh", user="ann", expired=True)
    assert ann.transport.disconnected == (3005, "connection expired")


def test_channels_and_info(caller: Caller) -> None:
    """What is going on here."""
    ann, bob = caller.house.person("ann"), caller.house.person("bob")
    for person in (ann, bob):
        person.subscribe("room:a")
    ann.subscribe("plain:b")
    counts = {"room:a": {"num_clients": 2}, "plain:b": {"num_clients": 1}}
    assert caller.result("channels")["channels"] == counts
    assert set(caller.result("channels", pattern="ro*:?")["channels"]) == {"room:a"}
    caller.house.clock.advance(5)
    (node,) = caller.result("info")["nodes"]
    assert node.pop("uid") == caller.house.hub.id
    assert node == {
        "name": "here",
        "version": "1.2.3",
        "num_clients": 2,
        "num_users": 2,
        "num_subs": 3,
        "num_channels": 2,
        "uptime": 5,
    }


def test_history_and_its_end(caller: Caller) -> None:
    """It is read in pages, both ways, and can be forgotten; the offset goes on."""
    for number in range(1, 6):
        caller.result("publish", channel="room:a", data=number)
    position = caller.result("history", channel="room:a")
    assert (position["publications"], position["offset"]) == ([], 5)

    def offsets(**request: Any) -> list[int]:
        page = caller.result("history", channel="room:a", **request)
        return [one["offset"] for one in page["publications"]]

    since = {"offset": 2, "epoch": position["epoch"]}
    assert offsets(limit=2) == [1, 2]
    assert offsets(limit=2, since=since) == [3, 4]
    assert offsets(limit=2, reverse=True) == [5, 4]
    assert offsets(limit=5, since={**since, "offset": 3}, reverse=True) == [2, 1]
    assert caller.result("history_remove", channel="room:a") == {}
    assert offsets(limit=-1) == []
    assert caller.result("publish", channel="room:a", data=6)["offset"] == 6


def test_rpc(caller: Caller) -> None:
    """The application's own methods: values, coroutines and Deferreds, and how they fail."""
    app = caller.house.app
    app.api_method("double")(lambda number: number * 2)

    @app.api_method("fail")
    async def fail(params: Any) -> None:
        raise ReplyError(params["code"], "as asked")

    waiting: Deferred[Any] = Deferred()
    app.api_method("wait")(lambda _: waiting)
    with pytest.raises(ConfigurationError, match="twice"):
        app.api_method("wait")(lambda _: None)
    assert caller.result("rpc", method="double", params=21) == {"data": 42}
    assert caller.error("rpc", method="fail", params={"code": 404}) == 404
    assert caller.error("rpc", method="double") == 100
    assert caller.house.failures() == ["TypeError"]
    waiting.callback("done")
    assert caller.result("rpc", method="wait") == {"data": "done"}


def test_an_answer_that_is_no_text(caller: Caller) -> None:
    """Half a character in the application's own words: it is logged, and answered with 100."""

    @caller.house.app.api_method("half")
    def half(_: Any) -> None:
        raise ReplyError(400, "\ud83d")

    assert caller.error("rpc", method="half") == 100
    by_status = caller.post("rpc", {"method": "half"}, **{"X-Centrifugo-Error-Mode": "transport"})
    assert by_status.status == 500
    assert caller.house.failures() == ["UnicodeEncodeError", "UnicodeEncodeError"]


def test_a_caller_that_goes_away(caller: Caller) -> None:
    """What was begun goes on, and nobody is answered."""
    waiting: Deferred[Any] = Deferred()
    done: list[str] = []

    @caller.house.app.api_method("wait")
    async def wait(_: Any) -> None:
        await waiting
        done.append("yes")

    socket = caller.browser.open()
    body = b'{"method": "wait"}'
    head = f"POST /api/rpc HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\nContent-Length: {len(body)}"
    socket.protocol.dataReceived(head.encode() + b"\r\n\r\n" + body)
    socket.connectionLost(Failure(ConnectionDone()))
    waiting.callback(None)
    assert done == ["yes"]


# -- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [False, True])
def test_batch(caller: Caller, parallel: bool) -> None:
    """Each command has its reply, in their order, an error among them or not."""
    answer = caller.call(
        "batch",
        parallel=parallel,
        commands=[
            {"publish": {"channel": "room:a", "data": 1}},
            {"publish": {"channel": "nowhere:a", "data": 1}},
            {"nothing": {}},
            {"batch": {"commands": []}},
            {"publish": {"channel": "room:a", "data": 2}},
            {"publish": {}, "info": {}},
            {"publish": 1},
            {"history": {"channel": "room:a"}},
        ],
    )
    replies = answer["replies"]
    assert [reply.get("error", {}).get("code") for reply in replies] == [
        None,
        102,
        104,
        104,
        None,
        107,
        107,
        None,
    ]
    assert replies[4]["publish"]["offset"] == 2
    assert replies[7]["history"]["offset"] == 2
    assert caller.call("batch", commands=[]) == {"replies": []}


@pytest.mark.parametrize("parallel", [False, True])
def test_a_failure_within_a_batch(caller: Caller, parallel: bool) -> None:
    """It leaves the others their replies, whatever it is."""

    @caller.house.app.api_method("leave")
    def leave(_: Any) -> None:
        raise Disconnect(4500, "there is no connection to end here")

    commands = [{"rpc": {"method": "leave"}}, {"publish": {"channel": "room:a", "data": 1}}]
    first, second = caller.call("batch", parallel=parallel, commands=commands)["replies"]
    assert first["error"]["code"] == 100
    assert second["publish"]["offset"] == 1
    assert caller.house.failures() == ["Disconnect"]


# -- the description -----------------------------------------------------------------------------


def test_the_description_is_one(caller: Caller) -> None:
    """It is valid OpenAPI 3.1, needs no key, and has every method."""
    found = caller.browser.ask("/api/openapi.json")
    assert (found.status, found.headers["content-type"]) == (200, "application/json")
    described = json.loads(found.body)
    OpenAPIV31SpecValidator(described).validate()
    assert set(described["paths"]) == {f"/{method}" for method in REQUESTS}
    assert described["info"]["version"] == "1.2.3"
    required = described["components"]["schemas"]["PublishRequest"]["required"]
    assert required == ["channel"]
    # Wherever it is mounted, seen from where the description is.
    found_at = urljoin("http://a/live/api/openapi.json", described["servers"][0]["url"])
    assert found_at == "http://a/live/api"
