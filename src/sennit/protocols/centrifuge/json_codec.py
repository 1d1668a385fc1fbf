"""The protocol in JSON (section 2): an object on each line, payloads embedded as they are."""

from __future__ import annotations

import msgspec

from sennit.hub.payload import check_json
from sennit.interfaces import Delta, UplinkFrame
from sennit.model.code import DisconnectCode, disconnect
from sennit.model.publication import Publication, StreamPosition
from sennit.protocols.centrifuge.codec import unreadable
from sennit.protocols.centrifuge.command import Command, TextUplinkCommand
from sennit.protocols.centrifuge.push import PushCodec
from sennit.protocols.centrifuge.reply import Reply

__all__ = ["JSON", "JsonCodec"]

_decoder = msgspec.json.Decoder(Command)
_uplink_decoder = msgspec.json.Decoder(TextUplinkCommand)
_encoder = msgspec.json.Encoder()


class JsonCodec(PushCodec):
    """Implements ``CentrifugeCodec``."""

    __slots__ = ()

    is_text = True

    def decode(self, frame: bytes) -> list[Command]:
        """Return the commands of one frame.

        Raises:
            RemoteProtocolError: 3501, it is not JSON, not a command, or nests too deep.
        """
        try:
            return _decoder.decode_lines(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(error) from None

    def decode_uplink(self, body: bytes) -> UplinkFrame:
        """Return what the body of an uplink says.

        Raises:
            RemoteProtocolError: 3501, it is not JSON, not an uplink, or its frame is not text.
        """
        try:
            uplink = _uplink_decoder.decode(body)
            return UplinkFrame(uplink.node, uplink.session, uplink.data.encode())
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise unreadable(error) from None

    def encode(self, reply: Reply) -> bytes:
        """Return one line, without its end.

        A payload may have been written over several lines. JSON has its newlines between tokens
        only (within strings they are escaped), so that taking them out changes nothing.

        Raises:
            Disconnect: 3506, a payload in it is not JSON: it was published in Protobuf, or the
                application has something to say to those who speak that.
        """
        subscribed = () if reply.connect is None else reply.connect.subs.values()
        for part in (reply.subscribe, reply.history, *subscribed):
            for published in () if part is None else part.publications:
                _check(published.data)
        for answer in (reply.connect, reply.subscribe, reply.rpc, *subscribed):
            if answer is not None and answer.data is not None:
                _check(answer.data)
        line = _encoder.encode(reply)
        return line.replace(b"\n", b"") if b"\n" in line else line

    def encode_publication(
        self, channel: str, publication: Publication, delta: Delta | None = None
    ) -> bytes:
        """Return the push of a publication.

        Raises:
            Disconnect: 3506, its payload is not JSON.
        """
        _check(publication.data)
        return super().encode_publication(channel, publication, delta)

    def encode_subscribe(
        self, channel: str, position: StreamPosition | None, recoverable: bool, data: bytes | None
    ) -> bytes:
        """Return the push that tells of a subscription made by the server.

        Raises:
            Disconnect: 3506, the application's payload is not JSON.
        """
        if data is not None:
            _check(data)
        return super().encode_subscribe(channel, position, recoverable, data)

    def encode_message(self, data: bytes) -> bytes:
        """Return the push of an application's message.

        Raises:
            Disconnect: 3506, it is not JSON.
        """
        _check(data)
        return super().encode_message(data)

    def say_delta(self, data: bytes, patch: bytes | None) -> bytes | None:
        """Return a JSON string of a payload's JSON, or of a difference.

        A difference that cuts a character in two is no text.

        Raises:
            Disconnect: 3506, the payload is not JSON.
        """
        if patch is None:
            _check(data)
            return _encoder.encode(data.decode())
        try:
            return _encoder.encode(patch.decode())
        except UnicodeDecodeError:
            return None


def _check(payload: bytes | msgspec.Raw) -> None:
    """Check whether a payload can be put into a line: else it would break all of it.

    Raises:
        Disconnect: it is not JSON.
    """
    try:
        check_json(payload)
    except ValueError as error:
        raise disconnect(DisconnectCode.INAPPROPRIATE_PROTOCOL) from error


JSON = JsonCodec()
"""The one that every JSON connection shares, and so its frames."""
