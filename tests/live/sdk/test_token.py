"""Tokens, as the published SDKs fetch, show and renew them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from centrifuge import Client, ClientState, SubscriptionState
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.live.sdk.scenario import run_scenario
from tests.live.sdk.test_javascript import CLIENT
from tests.live.sdk.test_python import ClientEvents, SubscriptionEvents, happens
from tests.live.server import Server

SECRET = "secret"  # noqa: S105 - short, as the SDKs' own tests have it
KEY = rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def url(new_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve an app that leaves everything to tokens: by a secret, and by keys at an address."""
    config: Path = tmp_path_factory.mktemp("tokens") / "sennit.toml"
    described: dict[str, Any] = json.loads(
        jwt.get_algorithm_by_name("RS256").to_jwk(KEY.public_key())
    )
    document = json.dumps({"keys": [{**described, "kid": "first"}]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as keys:
        thread = threading.Thread(target=keys.serve_forever)
        thread.start()
        config.write_text(
            f'[tokens]\nhmac_secret = "{SECRET}"\n'
            f'jwks_url = "http://127.0.0.1:{keys.server_port}/"\n'
            "[namespaces.team]\npresence = true\n"
        )
        try:
            port = new_port()
            with Server(port, "tests.live.silent:app", "--config", config) as server:
                yield f"ws://127.0.0.1:{port}/connection/websocket"
                server.check()
        finally:
            keys.shutdown()
            thread.join(5)


def token(last: float | None = None, **claims: Any) -> str:
    """Return a token that is good for some seconds, or for ever."""
    if last is not None:
        claims["exp"] = time.time() + last
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        return jwt.encode(claims, SECRET)


def play(scenario: Any) -> None:
    """Run a scenario on an asyncio loop of its own, and close its clients."""

    async def run() -> None:
        clients: list[Client] = []
        try:
            await asyncio.wait_for(scenario(clients), 40)
        finally:
            for client in clients:
                await client.disconnect()

    asyncio.run(run())


@pytest.mark.parametrize("protobuf", [False, True], ids=["json", "protobuf"])
def test_python_renews_its_connection(url: str, protobuf: bool) -> None:
    """It fetches a token to connect, and another before that ends; nothing breaks meanwhile."""

    async def scenario(clients: list[Client]) -> None:
        fetched: list[float] = []

        async def get_token() -> str:
            fetched.append(time.monotonic())
            return token(2, sub="ann", channels=["team:all"])

        events = ClientEvents()
        client = Client(url, events=events, get_token=get_token, use_protobuf=protobuf)
        clients.append(client)
        await client.connect()
        assert (await happens(events.queue, "subscribed")).channel == "team:all"
        async with asyncio.timeout(15):
            while len(fetched) < 3:
                await asyncio.sleep(0.05)
        assert client.state == ClientState.CONNECTED
        assert fetched[2] - fetched[1] > 0.9

    play(scenario)


def test_python_renews_its_subscription(url: str) -> None:
    """Likewise, a private channel's token."""

    async def scenario(clients: list[Client]) -> None:
        fetched: list[str] = []

        async def get_token(channel: str) -> str:
            fetched.append(channel)
            return token(2, sub="ann", channel=channel)

        client = Client(url, token=token(sub="ann"))
        clients.append(client)
        await client.connect()
        events = SubscriptionEvents(lambda data: data)
        board = client.new_subscription("$team:board", events=events, get_token=get_token)
        await board.subscribe()
        await happens(events.queue, "subscribed")
        async with asyncio.timeout(15):
            while len(fetched) < 3:
                await asyncio.sleep(0.05)
        assert board.state == SubscriptionState.SUBSCRIBED
        assert events.queue.empty()
        assert set(fetched) == {"$team:board"}

    play(scenario)


def test_python_meets_bad_tokens(url: str) -> None:
    """A bad one keeps it away, an expired one has it fetch another, a bad board's is error 103."""

    async def scenario(clients: list[Client]) -> None:
        events = ClientEvents()
        bad = Client(url, events=events, token=token(sub="ann") + "x")
        clients.append(bad)
        await bad.connect()
        assert (await happens(events.queue, "disconnected")).code == 3500

        async def get_token() -> str:
            return token(60, sub="ann")

        events = ClientEvents()
        late = Client(url, events=events, token=token(-5, sub="ann"), get_token=get_token)
        clients.append(late)
        await late.connect()
        await happens(events.queue, "connected")
        seen = SubscriptionEvents(lambda data: data)

        async def get_bad_token(_: str) -> str:
            return "no token"

        board = late.new_subscription("$team:board", events=seen, get_token=get_bad_token)
        await board.subscribe()
        assert (await happens(seen.queue, "unsubscribed")).code == 103
        assert late.state == ClientState.CONNECTED

    play(scenario)


def test_a_key_at_an_address(url: str) -> None:
    """A token of an identity provider, checked by the key that it publishes."""

    async def scenario(clients: list[Client]) -> None:
        for key_id, outcome in (("first", "connected"), ("second", "disconnected")):
            events = ClientEvents()
            signed = jwt.encode({"sub": "ann"}, KEY, "RS256", headers={"kid": key_id})
            client = Client(url, events=events, token=signed)
            clients.append(client)
            await client.connect()
            await happens(events.queue, outcome)

    play(scenario)


def answer(*words: str) -> str | None:
    """Give a program the token that it asks for."""
    match words:
        case ("token", last):
            return token(float(last), sub="ann")
        case ("token", last, channel):
            return token(float(last), sub="ann", channel=channel)
    return None


@pytest.mark.parametrize("protobuf", [False, True], ids=["json", "protobuf"])
@pytest.mark.parametrize("scenario", ["renewing", "bad_tokens"])
@pytest.mark.parametrize("language", ["javascript", "go"])
def test_other_languages(
    url: str, request: pytest.FixtureRequest, language: str, scenario: str, protobuf: bool
) -> None:
    """The same of the SDKs for JavaScript and Go: they renew, and meet bad tokens."""
    if language == "go":
        command: tuple[str, ...] = (request.getfixturevalue("gopher"),)
    else:
        command = (request.getfixturevalue("node"), str(CLIENT))
    run_scenario(command, scenario, url, protobuf, answer)
