"""The HTTP API of a running server: by its published client, by hand, and by the command."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import cent
import pytest

from tests.live.server import SENNIT, Server, serve_configured

KEY = "a key of the tests"
CONFIGURATION = f'[api]\nkeys = ["{KEY}"]\n[limits]\nmax_body = 4096\n'


@pytest.fixture(scope="module")
def server(
    new_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Serve the tests' application with its API."""
    with serve_configured(new_port(), tmp_path_factory.mktemp("api"), CONFIGURATION) as made:
        yield made


@pytest.fixture
def client(server: Server) -> Iterator[cent.Client]:
    """Return the published client."""
    made = cent.Client(f"http://127.0.0.1:{server.port}/api", KEY, timeout=10)
    yield made
    made.close()


def test_the_published_client(client: cent.Client) -> None:
    """It publishes, broadcasts, asks, and forgets, unmodified."""
    first = client.publish(cent.PublishRequest(channel="room:api", data={"n": 1}))
    assert (first.offset, bool(first.epoch)) == (1, True)
    several = client.broadcast(
        cent.BroadcastRequest(channels=["room:api", "nowhere:x", "plain:x"], data=2)
    )
    assert [each.error.code if each.error else 0 for each in several.responses] == [0, 102, 0]
    page = client.history(cent.HistoryRequest(channel="room:api", limit=10))
    assert [(each.offset, each.data) for each in page.publications] == [(1, {"n": 1}), (2, 2)]
    assert client.presence(cent.PresenceRequest(channel="room:api")).presence == {}
    stats = client.presence_stats(cent.PresenceStatsRequest(channel="room:api"))
    assert (stats.num_clients, stats.num_users) == (0, 0)
    client.history_remove(cent.HistoryRemoveRequest(channel="room:api"))
    page = client.history(cent.HistoryRequest(channel="room:api", limit=10))
    assert (page.publications, page.offset) == ([], 2)
    assert client.channels(cent.ChannelsRequest()).channels == {}
    (node,) = client.info(cent.InfoRequest()).nodes
    assert node.num_clients == 0
    client.subscribe(cent.SubscribeRequest(user="nobody", channel="plain:x"))
    client.unsubscribe(cent.UnsubscribeRequest(user="nobody", channel="plain:x"))
    client.disconnect(cent.DisconnectRequest(user="nobody"))
    client.refresh(cent.RefreshRequest(user="nobody", expired=True))


def test_what_the_published_client_is_told(server: Server, client: cent.Client) -> None:
    """Errors are those that it knows."""
    with pytest.raises(cent.CentApiResponseError) as caught:
        client.publish(cent.PublishRequest(channel="nowhere:x", data=1))
    assert caught.value.code == 102
    stranger = cent.Client(f"http://127.0.0.1:{server.port}/api", "another key", timeout=10)
    with pytest.raises(cent.CentUnauthorizedError):
        stranger.info(cent.InfoRequest())
    stranger.close()


def test_the_published_clients_batch(client: cent.Client) -> None:
    """Each command has its reply."""
    answer = client.batch(
        cent.BatchRequest(
            requests=[
                cent.PublishRequest(channel="room:batch", data=1),
                cent.PresenceStatsRequest(channel="room:batch"),
            ]
        )
    )
    replies: list[Any] = list(answer.replies)
    first, second = replies
    assert first.offset == 1
    assert second.num_clients == 0


def ask(
    server: Server, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, Any]:
    """Ask by hand, and return the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    response = connection.getresponse()
    answered = response.status, response.read()
    connection.close()
    return answered


def test_what_is_no_call(server: Server) -> None:
    """Each has its status, and the server goes on."""
    good = {"X_API_Key": KEY}
    assert ask(server, "POST", "/api/info", b"{}") == (401, b"")
    assert ask(server, "GET", "/api/info", b"", **good)[0] == 405
    assert ask(server, "POST", "/api/info", b"{", **good)[0] == 400
    assert ask(server, "POST", "/api/info", b" " * 5000, **good)[0] == 413
    assert ask(server, "GET", "/api/openapi.json")[0] == 200
    transport = {**good, "X_Centrifugo_Error_Mode": "transport"}
    assert ask(server, "POST", "/api/nothing", b"{}", **transport)[0] == 404
    status, body = ask(server, "POST", "/api/info", b"{}", **good)
    assert (status, list(json.loads(body))) == (200, ["result"])


def test_without_keys_there_is_none(new_port: Callable[[], int]) -> None:
    """The address is one where nothing is."""
    with Server(new_port(), "tests.live.silent:app") as server:
        assert ask(server, "POST", "/api/info", b"{}")[0] == 404
        done = run(
            "publish", "room:a", "1", "--url", f"http://127.0.0.1:{server.port}", "--key", "k"
        )
        assert (done.returncode, done.stderr) == (
            1,
            "sennit: the server has no API: it needs api.keys\n",
        )


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``sennit``."""
    return subprocess.run(  # noqa: S603 - our own command
        [SENNIT, *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_the_command(server: Server, new_port: Callable[[], int]) -> None:
    """``sennit publish`` says where it stands, or in one line what is wrong."""
    url = ("--url", f"http://127.0.0.1:{server.port}")
    done = run("publish", "room:command", '{"n": 1}', *url, "--key", KEY, "--tag", "a=b")
    assert done.stdout.startswith("offset 1, epoch ")
    done = run("publish", "room:command", "just words", *url, "--key", KEY)
    assert done.stdout.startswith("offset 2, epoch ")
    body = json.dumps({"channel": "room:command", "limit": -1}).encode()
    page = json.loads(ask(server, "POST", "/api/history", body, X_API_Key=KEY)[1])["result"]
    assert [one["data"] for one in page["publications"]] == [{"n": 1}, "just words"]
    nobody = f"http://127.0.0.1:{new_port()}"
    for arguments, status, words in (
        ((*url, "--key", "wrong"), 1, "the key is wrong"),
        ((*url,), 2, "there is no key"),
        (("--url", "ftp://x", "--key", KEY), 2, "--url is an address"),
        (("--url", nobody, "--key", KEY), 1, "does not answer"),
        ((*url, "--key", KEY, "--tag", "x"), 2, "--tag is NAME=VALUE"),
    ):
        done = run("publish", "room:command", "1", *arguments)
        assert done.returncode == status, arguments
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
    done = run("publish", "nowhere:x", "1", *url, "--key", KEY)
    assert (done.returncode, done.stderr) == (1, "sennit: unknown channel (102)\n")
    assert json.loads(run("openapi").stdout)["openapi"] == "3.1.0"
