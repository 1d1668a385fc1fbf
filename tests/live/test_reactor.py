"""The reactor that has the poll group built in: Twisted's own tests of reactors, and ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sennit.net.native import native_group

pytestmark = pytest.mark.skipif(native_group() is None, reason="there is no poll group")

SCRIPT = """
from sennit.net import reactor as ours
ours.install()
from twisted.internet import reactor, task, threads
from sennit import websocket

sockets = []

class Echo:
    def __init__(self, ws):
        self.ws = ws
        sockets.append(ws._transport.socket)

    def message_received(self, data, is_text):
        if data == b"iterate":
            reactor.iterate(0)  # The group is not entered twice, the rest of the loop is.
        self.ws.send_nowait(data, text=is_text)

async def main(reactor):
    port = await websocket.listen(reactor, "tcp:0:interface=127.0.0.1", Echo)
    url = f"ws://127.0.0.1:{port.getHost().port}/"
    ticks = []
    looping = task.LoopingCall(ticks.append, None)
    looping.start(0.01)
    several = [await websocket.connect(reactor, url) for _ in range(20)]
    for ws in several:
        await ws.send("iterate")
        assert await ws.recv() == "iterate"
    for number in range(50):
        for ws in several:
            await ws.send(str(number))
        for ws in several:
            assert await ws.recv() == str(number)
    assert await threads.deferToThread(lambda: 7) == 7
    assert None not in sockets and len(sockets) == 20
    # Nothing of the group is a reader: it is what everything else is waited for with.
    assert reactor.poll_group not in reactor.getReaders()
    await task.deferLater(reactor, 0.05, lambda: None)
    looping.stop()
    for ws in several:
        await ws.close()
    await port.close()
    assert len(reactor.poll_group) == 0, len(reactor.poll_group)
    print("fine", len(ticks) > 3)

task.react(main, _reactor=reactor)
"""


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run this Python to its end."""
    return subprocess.run(  # noqa: S603 - this Python
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_twisted_about_it(tmp_path: Path) -> None:
    """Twisted's own tests of reactors, threads, TCP and Unix sockets pass on it."""
    modules = [f"twisted.test.test_{name}" for name in ("internet", "threads", "tcp", "unix")]
    done = python("-m", "twisted.trial", "--reactor=sennit", *modules, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    *_, last = done.stdout.splitlines()
    assert last.startswith("PASSED")
    assert int(last.rpartition("successes=")[2].strip(")")) > 100


def test_a_server_and_clients_on_it(tmp_path: Path) -> None:
    """Sockets of the group, timers, threads, and a callback that runs the reactor."""
    done = python("-c", SCRIPT, folder=tmp_path)
    assert (done.stdout, done.stderr) == ("fine True\n", "")
