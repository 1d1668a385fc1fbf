"""Target: two ends that agree on compression and talk; what one says, the other hears."""

from __future__ import annotations

from fuzzing.source import Source
from sennit.engine.build import CLIENT, SERVER, Connection, Event, Message, encode_frame
from sennit.engine.deflate import Agreement, Deflate, compress_shared
from sennit.engine.extension import parse_extensions
from sennit.engine.frame import RSV1

__all__ = ["check"]

LIMIT = 1 << 20


def check(data: bytes) -> None:
    """Messages arrive as they were sent: whole, in fragments, and shared with others."""
    source = Source(data)
    agreed = _agree(_settings(source), _settings(source))
    if agreed is None:
        return
    server, client = (
        Connection(role, max_message=LIMIT, deflate=agreement, new_mask=lambda: b"\x01\x02\x03\x04")
        for role, agreement in zip((SERVER, CLIENT), agreed, strict=True)
    )
    said = b""
    while source:
        speaker, listener = (server, client) if source.flag() else (client, server)
        payload = said = _payload(source, said)
        heard: list[Event] = []
        for piece in source.pieces(_say(source, speaker, payload)):
            heard += listener.receive(piece)
        assert heard == [Message(payload, False)], f"{heard!r} for {payload!r}"


def _settings(source: Source) -> Deflate:
    flags = source.number(256)
    return Deflate(
        threshold=source.choice((0, 64)),
        level=1 + source.number(9),
        memory_level=1 + source.number(9),
        server_max_window_bits=8 + source.number(8),
        client_max_window_bits=8 + source.number(8),
        server_no_context_takeover=bool(flags & 1),
        client_no_context_takeover=bool(flags & 2),
    )


def _agree(server: Deflate, client: Deflate) -> tuple[Agreement, Agreement] | None:
    """Negotiate by the headers; an end of ours never refuses what another of ours says."""
    accepted = server.accept(parse_extensions(client.offer()))
    assert accepted is not None
    agreement, header = accepted
    answered = client.agree(parse_extensions(header))
    assert answered is not None
    # Nobody compresses with a larger window than the other decompresses with.
    assert agreement.send_bits <= answered.receive_bits
    assert answered.send_bits <= agreement.receive_bits
    assert agreement.send_takeover <= answered.receive_takeover
    assert answered.send_takeover <= agreement.receive_takeover
    return agreement, answered


def _payload(source: Source, before: bytes) -> bytes:
    kind = source.number(5)
    if kind == 0:
        return source.take(source.number(100))
    if kind == 1:
        # What was said before, or the end of it: compressors love to refer to it.
        return before[source.number(1000) :] + source.take(3)
    if kind == 2:
        return source.take(1 + source.number(6)) * source.number(3000)
    # Far apart: what is referred to has to be in the window still.
    word = source.take(1 + source.number(20))
    return word + bytes(range(256)) * source.number(300) + word


def _say(source: Source, speaker: Connection, payload: bytes) -> bytes:
    how = source.number(4)
    deflate = speaker.deflate
    if how == 0 and speaker.role == SERVER and deflate is not None:
        # A server's broadcast: framed for all, and told to the connection.
        shared = compress_shared(payload, deflate.settings, deflate.send_bits)
        if shared is None:
            return encode_frame(2, payload)
        speaker.shared_frame_sent()
        return encode_frame(2, shared, rsv=RSV1)
    if how == 1 and len(payload) > 1:
        cut = source.number(len(payload))
        first = speaker.send(payload[:cut], binary=True, fin=False)
        return first + speaker.send_more(payload[cut:], fin=True)
    return speaker.send(payload, binary=True)
