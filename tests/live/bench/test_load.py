"""The load generator: what it measures, and that it takes nothing wrong for right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bench.app import CHANNEL
from bench.native import Native
from bench.outcome import LoadError, Outcome
from sennit.websocket import WebSocket, broadcast
from tests.live.process import Process

Load = Callable[..., Outcome]
StartLimit = Callable[..., tuple[int, Process]]
PROTOCOL = ("--path=/connection/websocket", f"--channel={CHANNEL}")


async def echo(ws: WebSocket) -> None:
    """Send every message back."""
    async for message in ws:
        await ws.send(message)


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """Yield the parts of a message."""
    for part in parts:
        yield part


# -- what it measures ----------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("role", "arguments"),
    [
        ("echo", ("echo", "--connections=1", "--size=64")),
        ("echo", ("echo", "--connections=8", "--in-flight=16", "--size=1")),
        ("echo", ("echo", "--connections=3", "--in-flight=2", "--size=65536")),
        ("echo", ("echo", "--connections=2", "--size=1000000", "--text")),
        ("echo", ("echo", "--connections=4", "--in-flight=8", "--rate=500")),
        ("broadcast", ("fanout", "--connections=50", "--size=126")),
        ("broadcast", ("fanout", "--connections=20", "--in-flight=3", "--size=65536")),
        ("echo", ("handshake", "--connections=8")),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value).replace("--", ""),
)
def test_beside_the_limit(
    native: Native,
    load: Load,
    start_limit: StartLimit,
    role: str,
    arguments: tuple[str, ...],
    tls: bool,
) -> None:
    """Everything comes back as it should, and the server has worked for it."""
    if tls and not native.tls:
        pytest.skip("there are no headers of OpenSSL here")
    port, process = start_limit(role, tls=tls)
    outcome = load(*arguments, *(("--tls",) if tls else ()), port=port, server=process.pid)
    assert outcome.operations > 0
    assert outcome.seconds >= 0.2
    assert 0 < outcome.server_cpu < outcome.seconds * 1.5
    assert 0 < outcome.load_cpu < outcome.seconds * 1.5
    assert outcome.latency is not None
    assert 0 < outcome.latency.p50 <= outcome.latency.p99 <= outcome.latency.max
    assert process.running()


def test_a_rate_is_kept(load: Load, start_limit: StartLimit) -> None:
    """So many messages are sent each second, and not more."""
    port, _ = start_limit("echo")
    outcome = load("echo", "--connections=4", "--in-flight=8", "--rate=1000", port=port)
    assert outcome.rate == pytest.approx(1000, rel=0.5)
    assert outcome.rate < 1200


def test_connections_that_are_held(load: Load, start_limit: StartLimit) -> None:
    """As many as it was told; a line on its input, or its end, lets it go on."""
    port, _ = start_limit("echo")
    assert load("idle", "--connections=80", port=port).operations == 80


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("compression", [False, True])
def test_beside_our_own_server(load_against: Load, compression: bool, fragments: int) -> None:
    """Compressed and in fragments too, and it says whether compression was agreed on."""

    async def answer(ws: WebSocket) -> None:
        async for message in ws:
            if fragments == 1:
                await ws.send(message)
            else:
                assert isinstance(message, bytes)
                half = len(message) // 2
                await ws.send_streaming(pieces(message[:half], b"", message[half:]))

    options = ("--compression",) if compression else ()
    outcome = load_against(
        answer, "echo", "--connections=3", "--size=500", *options, compression=compression
    )
    assert outcome.operations > 0
    assert outcome.compressed == compression


@pytest.mark.parametrize("compression", ["off", "on"])
def test_the_protocol(load: Load, start_process: Any, free_port: int, compression: str) -> None:
    """Publications reach all, sessions are held, and a storm ends with all of them whole."""
    start_process(
        ["-m", "sennit", "serve", "bench.app:app", "--port", str(free_port)],
        line="press Ctrl-C",
        environment={
            "SENNIT_LIMITS_COMPRESSION": "true" if compression == "on" else "false",
            "SENNIT_PAGE": "none",
        },
    )
    options = (*PROTOCOL, *(("--compression",) if compression == "on" else ()))
    outcome = load("publish", "--connections=30", *options, port=free_port)
    assert outcome.operations > 0
    assert outcome.operations % 30 < 30
    assert outcome.compressed == (compression == "on")
    assert load("idle", "--connections=110", *options, port=free_port).operations == 110
    storm = load("storm", "--connections=40", *options, port=free_port)
    assert storm.operations == 40


# -- what it notices -----------------------------------------------------------------------------


def wrong_at_last(messages: list[bytes], message: bytes) -> list[bytes]:
    """Change the last byte of the tenth message."""
    if len(messages) == 10:
        return [message[:-1] + bytes([message[-1] ^ 1])]
    return [message]


def doubled(messages: list[bytes], message: bytes) -> list[bytes]:
    """Send the tenth message twice."""
    return [message] * (2 if len(messages) == 10 else 1)


def swapped(messages: list[bytes], message: bytes) -> list[bytes]:
    """Hold the tenth message back, and send it after the eleventh."""
    if len(messages) == 10:
        return []
    return [message, messages[-2]] if len(messages) == 11 else [message]


def cut(messages: list[bytes], message: bytes) -> list[bytes]:
    """Leave a byte of the tenth message out."""
    return [message[:-1] if len(messages) == 10 else message]


@pytest.mark.parametrize("change", [wrong_at_last, doubled, swapped, cut])
@pytest.mark.parametrize("size", [64, 70_000])
def test_an_echo_that_is_none(load_against: Load, change: Any, size: int) -> None:
    """One byte, one message too many, or the wrong order: there is no figure then."""

    async def answer(ws: WebSocket) -> None:
        messages: list[bytes] = []
        async for message in ws:
            assert isinstance(message, bytes)
            messages.append(message)
            for one in change(messages, message):
                await ws.send(one)

    with pytest.raises(LoadError, match=r"not what was sent|echo of nothing"):
        load_against(answer, "echo", "--in-flight=4", f"--size={size}", max_message=1 << 20)


def test_text_for_bytes(load_against: Load) -> None:
    """The kind of a message counts."""

    async def answer(ws: WebSocket) -> None:
        async for _ in ws:
            await ws.send("x" * 64)

    with pytest.raises(LoadError, match="not what was sent"):
        load_against(answer, "echo")


@pytest.mark.parametrize("lost", [False, True], ids=["changed", "of another"])
def test_a_broadcast_that_is_none(load_against: Load, lost: bool) -> None:
    """One member of many that gets something else is enough."""
    members: list[WebSocket] = []
    number = 0

    async def share(ws: WebSocket) -> None:
        nonlocal number
        members.append(ws)
        try:
            async for message in ws:
                number += 1
                if number < 5:
                    broadcast(members, message)
                else:
                    broadcast(members[:-1], message)
                    broadcast(members[-1:], message * 2 if lost else b"\0" * len(message))
        finally:
            members.remove(ws)

    with pytest.raises(LoadError, match="message 4 at connection"):
        load_against(share, "fanout", "--connections=20")


def test_a_close_within(load_against: Load) -> None:
    """A server that closes a connection is said with its code and reason."""

    async def leave(ws: WebSocket) -> None:
        await ws.recv()
        await ws.close(4321, "enough")

    with pytest.raises(LoadError, match="closed connection 0 with 4321 enough"):
        load_against(leave, "echo")


def test_a_refusal(load_against: Load) -> None:
    """So is one that lets nobody in."""

    def refuse(_request: Any) -> None:
        raise_refusal()

    with pytest.raises(LoadError, match=r"refused: HTTP/1\.1 403"):
        load_against(echo, "handshake", on_handshake=refuse)


def raise_refusal() -> None:
    """Let nobody in."""
    from sennit.errors import HandshakeError  # noqa: PLC0415

    raise HandshakeError(403, "no")


def test_nobody_there(load: Load, free_port: int) -> None:
    """And a port where nobody listens."""
    with pytest.raises(LoadError, match="connect: Connection refused"):
        load("echo", port=free_port)


SUBSCRIBED = '{"id":1,"connect":{"client":"a"}}\n{"id":2,"subscribe":{"epoch":"e","offset":7}}'


@pytest.mark.parametrize(
    ("subscribed", "push", "reason"),
    [
        ('{"id":1,"error":{"code":100,"message":"no"}}', "", "answers with .*no"),
        ("[]", "", "not of this protocol"),
        (SUBSCRIBED, '{"push":{"channel":"c","pub":{"data":{},"offset":8}}}', "publication 0 is"),
        (SUBSCRIBED, '{"push":{"channel":"c","pub":{"data":DATA,"offset":9}}}', "wrong offset"),
        (SUBSCRIBED, '{"push":{"channel":"c","pub":{"data":DATA}}}', "no offset"),
        (SUBSCRIBED, '{"push":{"channel":"c","unsubscribe":{}}}', "no publication"),
    ],
)
def test_a_protocol_that_is_none(
    load_against: Load, subscribed: str, push: str, reason: str
) -> None:
    """Errors, lines from elsewhere, other payloads, and offsets that do not follow."""
    sockets: list[WebSocket] = []

    async def answer(ws: WebSocket) -> None:
        async for message in ws:
            assert isinstance(message, str)
            if '"subscribe"' in message:
                sockets.append(ws)
                await ws.send(subscribed)
            elif '"connect"' in message:
                await ws.send('{"id":1,"connect":{"client":"a"}}')
            else:
                data = message.partition('"data":')[2].removesuffix("}}")
                broadcast(sockets, push.replace("DATA", data))

    with pytest.raises(LoadError, match=reason):
        load_against(answer, "publish", "--connections=2", "--channel=c")


def test_a_session_that_is_not_recovered(load_against: Load) -> None:
    """A storm has no figure when one session has lost something."""
    sockets: list[WebSocket] = []
    number = 7

    async def answer(ws: WebSocket) -> None:
        nonlocal number
        async for message in ws:
            assert isinstance(message, str)
            if '"recover":true' in message:
                await ws.send('{"id":2,"subscribe":{"epoch":"e","offset":15}}')
            elif '"subscribe"' in message:
                sockets.append(ws)
                await ws.send(SUBSCRIBED)
            elif '"connect"' in message:
                await ws.send('{"id":1,"connect":{"client":"a"}}')
            else:
                for line in message.split("\n"):
                    number += 1
                    data = line.partition('"data":')[2].removesuffix("}}")
                    push = f'{{"push":{{"channel":"c","pub":{{"data":{data},"offset":{number}}}}}}}'
                    broadcast(sockets, push)
                    await ws.send('{"id":9,"publish":{}}')

    with pytest.raises(LoadError, match="was not recovered"):
        load_against(answer, "storm", "--connections=3", "--channel=c")
