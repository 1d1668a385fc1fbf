"""Compression of messages: permessage-deflate (RFC 7692)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from sennit.engine.close import INVALID_DATA
from sennit.engine.extension import Extension, format_extension
from sennit.errors import RemoteProtocolError

__all__ = ["Agreement", "Compressor", "Decompressor", "Deflate", "compress_shared"]

NAME = "permessage-deflate"

_TAIL = b"\x00\x00\xff\xff"
"""The end of every flush, which is not sent (7.2.1)."""
_SERVER_BITS = "server_max_window_bits"
_CLIENT_BITS = "client_max_window_bits"
_SERVER_FRESH = "server_no_context_takeover"
_CLIENT_FRESH = "client_no_context_takeover"
_ALL_BITS = {str(bits): bits for bits in range(8, 16)}


class Deflate:
    """What one end wants of compression, and how it compresses.

    With the defaults a connection takes about 38 KiB to compress and 11 KiB to decompress (40 for
    a client that does not offer ``client_max_window_bits``), each once it is first used, and
    without context takeover nothing between messages.

    Args:
        threshold: bytes of payload below which a message is sent as it is.
        level: zlib's, 1 (fast) to 9 (small).
        memory_level: zlib's, 1 to 9; what the compressor needs beside its window is
            ``2 ** (memory_level + 9)`` bytes.
        server_max_window_bits: the server compresses with a window of at most ``2 ** bits``
            bytes, 8 to 15.
        client_max_window_bits: the client likewise; a server can ask this only of a client that
            offers it.
        server_no_context_takeover: the server compresses each message by itself: less memory,
            larger messages.
        client_no_context_takeover: the client likewise.

    Raises:
        ValueError: a value is out of its bounds.
    """

    __slots__ = (
        "client_max_window_bits",
        "client_no_context_takeover",
        "level",
        "memory_level",
        "server_max_window_bits",
        "server_no_context_takeover",
        "threshold",
    )

    def __init__(
        self,
        *,
        threshold: int = 64,
        level: int = 6,
        memory_level: int = 5,
        server_max_window_bits: int = 12,
        client_max_window_bits: int = 12,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
    ) -> None:
        if not (1 <= level <= 9 and 1 <= memory_level <= 9 and threshold >= 0):
            raise ValueError("level and memory_level are 1 to 9, and threshold is not negative")
        for bits in (server_max_window_bits, client_max_window_bits):
            if not 8 <= bits <= 15:
                raise ValueError(f"a window has 8 to 15 bits, not {bits}")
        self.threshold = threshold
        self.level = level
        self.memory_level = memory_level
        self.server_max_window_bits = server_max_window_bits
        self.client_max_window_bits = client_max_window_bits
        self.server_no_context_takeover = server_no_context_takeover
        self.client_no_context_takeover = client_no_context_takeover

    def _values(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Deflate) and other._values() == self._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in sorted(self.__slots__))
        return f"Deflate({values})"

    # -- the server's side -----------------------------------------------------------------------

    def accept(self, offers: Iterable[Extension]) -> tuple[Agreement, str] | None:
        """Choose among a client's offers (5.1, 7.1).

        Returns:
            What is agreed on, and the answer's header; ``None`` if no offer can be accepted.
        """
        for name, parameters in offers:
            if name == NAME and (agreed := self._accept(dict(parameters), len(parameters))):
                return agreed
        return None

    def _accept(self, offer: dict[str, str | None], count: int) -> tuple[Agreement, str] | None:
        if len(offer) != count or not _is_offer(offer):
            return None
        answer: list[tuple[str, str | None]] = []
        server_fresh = self.server_no_context_takeover or _SERVER_FRESH in offer
        client_fresh = self.client_no_context_takeover or _CLIENT_FRESH in offer
        answer += [(_SERVER_FRESH, None)] if server_fresh else []
        answer += [(_CLIENT_FRESH, None)] if client_fresh else []
        server_bits = self.server_max_window_bits
        if _SERVER_BITS in offer:
            server_bits = min(server_bits, int(offer[_SERVER_BITS] or 0))
            answer.append((_SERVER_BITS, str(server_bits)))
        client_bits = 15
        if _CLIENT_BITS in offer:
            client_bits = min(self.client_max_window_bits, int(offer[_CLIENT_BITS] or 15))
            answer.append((_CLIENT_BITS, str(client_bits)))
        agreement = Agreement(
            self, server_bits, client_bits, not server_fresh, not client_fresh, is_server=True
        )
        return agreement, format_extension(NAME, answer)

    # -- the client's side -----------------------------------------------------------------------

    def offer(self) -> str:
        """Return the header of an offer."""
        parameters: list[tuple[str, str | None]] = []
        parameters += [(_SERVER_FRESH, None)] if self.server_no_context_takeover else []
        parameters += [(_CLIENT_FRESH, None)] if self.client_no_context_takeover else []
        if self.server_max_window_bits < 15:
            parameters.append((_SERVER_BITS, str(self.server_max_window_bits)))
        bits = self.client_max_window_bits
        parameters.append((_CLIENT_BITS, None if bits == 15 else str(bits)))
        return format_extension(NAME, parameters)

    def agree(self, answer: Iterable[Extension]) -> Agreement | None:
        """Check a server's answer to :meth:`offer` (5.1, 7.1).

        Returns:
            What is agreed on; ``None`` if the server does not compress.

        Raises:
            ValueError: the answer is not one to that offer; the message says why.
        """
        chosen = tuple(answer)
        if not chosen:
            return None
        (name, parameters), *others = chosen
        given = dict(parameters)
        if name != NAME or others:
            raise ValueError("the server chose an extension that was not offered")
        if len(given) != len(parameters) or not _is_answer(given):
            raise ValueError(f"the server's answer to {NAME} is malformed")
        if self.server_no_context_takeover and _SERVER_FRESH not in given:
            raise ValueError(f"the server did not agree to {_SERVER_FRESH}")
        server_bits = int(given.get(_SERVER_BITS) or 15)
        client_bits = int(given.get(_CLIENT_BITS) or 15)
        if server_bits > self.server_max_window_bits:
            raise ValueError(f"the server did not agree to {_SERVER_BITS}")
        # The server may answer with a larger window of the client's than was offered, or with none
        # at all: a client that has said what it will use keeps to it (7.1.2.2).
        return Agreement(
            self,
            server_bits,
            min(client_bits, self.client_max_window_bits),
            _SERVER_FRESH not in given,
            not (self.client_no_context_takeover or _CLIENT_FRESH in given),
            is_server=False,
        )


def _is_offer(offer: dict[str, str | None]) -> bool:
    """Return whether parameters are those of an offer, each with a value that it may have."""
    return all(
        (key in (_SERVER_FRESH, _CLIENT_FRESH) and value is None)
        or (key == _SERVER_BITS and value in _ALL_BITS)
        or (key == _CLIENT_BITS and (value is None or value in _ALL_BITS))
        for key, value in offer.items()
    )


def _is_answer(answer: dict[str, str | None]) -> bool:
    return _is_offer(answer) and answer.get(_CLIENT_BITS, "15") is not None


class Agreement:
    """What both ends have agreed on, from the point of view of one of them.

    Args:
        settings: what this end wanted.
        server_bits: of the server's window.
        client_bits: of the client's window.
        server_takeover: whether the server's messages may refer to earlier ones.
        client_takeover: whether the client's may.
        is_server: whether this end is the server.

    Attributes:
        settings: what this end wanted.
        send_bits: of the window that this end compresses with.
        receive_bits: of the window that it decompresses with.
        send_takeover: whether it compresses with what it has sent before.
        receive_takeover: whether the peer may.
    """

    __slots__ = ("receive_bits", "receive_takeover", "send_bits", "send_takeover", "settings")

    def __init__(
        self,
        settings: Deflate,
        server_bits: int,
        client_bits: int,
        server_takeover: bool,
        client_takeover: bool,
        *,
        is_server: bool,
    ) -> None:
        self.settings = settings
        bits, takeover = (server_bits, client_bits), (server_takeover, client_takeover)
        self.send_bits, self.receive_bits = bits if is_server else bits[::-1]
        self.send_takeover, self.receive_takeover = takeover if is_server else takeover[::-1]


def _new_deflater(settings: Deflate, bits: int) -> zlib._Compress:
    # zlib makes no raw stream for a window of 8 bits. One for 9 never looks back further than
    # 512 - 262 bytes, which an 8 bit window holds.
    bits = max(bits, 9)
    return zlib.compressobj(settings.level, zlib.DEFLATED, -bits, settings.memory_level)


class Compressor:
    """Compresses the messages of one connection, piece by piece.

    Args:
        agreement: how.
    """

    __slots__ = ("_agreement", "_deflater")

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._deflater: zlib._Compress | None = None

    def compress(self, data: bytes, *, final: bool) -> bytes:
        """Return the payload of the next frame of a message; its last with ``final``."""
        agreement = self._agreement
        deflater = self._deflater
        if deflater is None:
            deflater = self._deflater = _new_deflater(agreement.settings, agreement.send_bits)
        packed = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
        if not final:
            return packed
        if not agreement.send_takeover:
            self._deflater = None
        return _without_tail(packed)

    def reset(self) -> None:
        """Forget what was sent, between two messages.

        The peer's window has more in it than ours once a message that others share was sent:
        to refer to what came before would be to refer to something else.
        """
        self._deflater = None


def compress_shared(data: bytes, settings: Deflate, bits: int) -> bytes | None:
    """Return a payload that any connection with at least this window can take, or ``None``.

    Args:
        data: a whole message's payload.
        settings: how to compress.
        bits: of the window.

    Returns:
        ``None`` if the message is under the threshold, or compressed is no smaller.
    """
    if len(data) < settings.threshold:
        return None
    deflater = _new_deflater(settings, bits)
    packed = _without_tail(deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))
    return packed if len(packed) < len(data) else None


def _without_tail(packed: bytes) -> bytes:
    # Nothing at all is sent as an empty block (7.2.3.6).
    return packed[: -len(_TAIL)] or b"\x00"


class Decompressor:
    """Decompresses the messages of one connection, as little at a time as is wanted.

    Args:
        agreement: how.
    """

    __slots__ = ("_bits", "_inflater", "_input", "_keeping", "_more", "_takeover", "_window")

    def __init__(self, agreement: Agreement) -> None:
        self._bits = agreement.receive_bits
        self._takeover = agreement.receive_takeover
        self._inflater: zlib._Decompress | None = None
        self._input = b""
        self._more = False
        """Whether the inflater may hold back what there was no room for."""
        self._keeping = False
        self._window = b""
        """The end of what came out, kept once the peer was seen to end its streams."""

    def feed(self, data: bytes, *, final: bool) -> None:
        """Take the next piece of a message, unmasked; the last with ``final``.

        Everything that was fed before has been read.
        """
        self._input = data + _TAIL if final else data

    def read(self, limit: int) -> bytes:
        """Return what comes out next, at most ``limit`` bytes; nothing when more must be fed.

        Raises:
            RemoteProtocolError: 1007, it is not compressed data.
        """
        while self._input or self._more:
            inflater = self._inflater
            if inflater is None:
                inflater = self._inflater = zlib.decompressobj(-self._bits, zdict=self._window)
            try:
                data = inflater.decompress(self._input, limit)
            except zlib.error as error:
                raise RemoteProtocolError(
                    INVALID_DATA, "a compressed message cannot be decompressed"
                ) from error
            self._more = len(data) == limit
            self._input = inflater.unconsumed_tail
            if inflater.eof:
                # The stream has ended, the message need not have: another one goes on, and may
                # refer to what came out of this one (7.2.3.4).
                self._input = inflater.unused_data
                self._inflater = None
                self._more = False
                self._keeping = True
            if self._keeping:
                self._window = (self._window + data)[-(1 << self._bits) :]
            if data:
                return data
        return b""

    def is_empty(self) -> bool:
        """Return whether all has come out of what was fed."""
        return not self._input and not self._more

    def end(self) -> None:
        """Note that a message is complete: all of it was read."""
        if not self._takeover:
            self._inflater = None
            self._window = b""
