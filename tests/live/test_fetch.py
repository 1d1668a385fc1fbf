"""Getting a document over HTTP, from a server that can do everything wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from twisted.internet.error import ConnectError
from twisted.web.client import ResponseFailed, ResponseNeverReceived

from sennit.web import fetch
from sennit.web.fetch import FetchError, fetcher
from tests.live.loop import Loop


class Answers(BaseHTTPRequestHandler):
    """Answers by the path."""

    protocol_version = "HTTP/1.1"
    waiting = threading.Event()

    def do_GET(self) -> None:
        match self.path:
            case "/keys":
                self._answer(200, b'{"keys": []}')
            case "/endless":
                self.send_response(200)
                self.end_headers()
                for _ in range(64):
                    self.wfile.write(b" " * 65536)
            case "/short":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"[")
                self.close_connection = True
            case "/slow":
                self.waiting.wait(5)
            case _:
                self._answer(404, b"nothing here")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """Serve, and return where."""
    Answers.waiting.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Answers.waiting.set()
        server.shutdown()
        thread.join(5)


def test_a_document(loop: Loop, address: str) -> None:
    """Its bytes are the result."""
    assert loop.run(fetcher(loop.reactor)(f"{address}/keys")) == b'{"keys": []}'


def test_failures(loop: Loop, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another status, too much, too little, too late, and nobody there: each is told."""
    get = fetcher(loop.reactor)
    with pytest.raises(FetchError, match="answers with 404"):
        loop.run(get(f"{address}/other"))
    with pytest.raises(FetchError, match="has over"):
        loop.run(get(f"{address}/endless"))
    with pytest.raises(ResponseFailed):
        loop.run(get(f"{address}/short"))
    with pytest.raises(ConnectError):
        loop.run(get("http://127.0.0.1:1/"))
    monkeypatch.setattr(fetch, "_TIMEOUT", 0.2)
    with pytest.raises(FetchError, match="no answer within"):
        loop.run(get(f"{address}/slow"))


def test_giving_up(loop: Loop, address: str) -> None:
    """Who does not want it any more cancels it."""
    getting = fetcher(loop.reactor)(f"{address}/slow")
    loop.reactor.callLater(0.1, getting.cancel)
    with pytest.raises(ResponseNeverReceived):
        loop.run(getting)
