"""The reader: bytes to frames to messages, strictly (RFC 6455, 5; RFC 7692, 6.2).

It is asked for one item after the other, so that nothing is unmasked or decompressed before
somebody wants it. A whole unfragmented message costs one pass.

This is also the source of ``sennit.engine._reader``, in which ``_reader.pxd`` makes C numbers of
the integers, a pointer of ``_buffer``, and calls of C functions of those to ``mask``, ``utf8`` and
``draft``. So nothing here is a generator, states are integers, and no number leaves 64 bits.
"""

from __future__ import annotations

from sennit.engine.close import INVALID_DATA, MESSAGE_TOO_BIG, PROTOCOL_ERROR
from sennit.engine.deflate import Decompressor
from sennit.engine.draft import Draft
from sennit.engine.frame import CONTROL_LIMIT, PONG, TEXT
from sennit.engine.mask import unmask, unmask_whole
from sennit.engine.utf8 import Utf8Checker, is_utf8
from sennit.errors import RemoteProtocolError

__all__ = ["CLIENT", "SERVER", "Item", "Reader"]

CLIENT = 1
SERVER = 2

CHUNK = 64 * 1024
"""Bytes that are decompressed at once."""

_HEAD = 0
_PAYLOAD = 1
_INFLATING = 2

_LONGEST = (1 << 63) - 1
"""The length of a frame has 63 bits (5.2)."""

Item = tuple[int, bytes, bool]
"""An opcode (TEXT, BINARY, CLOSE, PING, PONG), a payload, and whether the message ends with it."""


class Reader:
    """Reads what one peer sends.

    Args:
        role: ``SERVER`` demands masked frames, ``CLIENT`` unmasked ones (5.1).
        max_message: bytes in a message, decompressed; more is refused when a frame's head
            announces it, or as soon as so much has come out (1009).
        max_fragments: frames in a message; more is refused (1009).
        decompressor: for messages with RSV1; ``None`` if that bit is not agreed on.
        streaming: hand messages out in pieces, as they come.

    Attributes:
        opcode: of the item that :meth:`advance` went to: TEXT, BINARY, CLOSE, PING or PONG.
        payload: its payload; a text is UTF-8, checked, a piece of one may end within a character.
        final: whether the message ends with it.
    """

    __slots__ = (
        "_buffer",
        "_checker",
        "_compressed",
        "_compression",
        "_control",
        "_current",
        "_data",
        "_decompressor",
        "_draft",
        "_end",
        "_fin",
        "_fragments",
        "_index",
        "_key",
        "_least",
        "_left",
        "_mask_bit",
        "_max_fragments",
        "_max_message",
        "_message",
        "_size",
        "_small",
        "_state",
        "_streaming",
        "_turn",
        "final",
        "opcode",
        "payload",
    )

    def __init__(
        self,
        role: int,
        max_message: int,
        max_fragments: int,
        decompressor: Decompressor | None = None,
        streaming: bool = False,
    ) -> None:
        self.opcode = 0
        self.payload = b""
        self.final = False
        self._mask_bit = 0x80 if role == SERVER else 0
        """What the second byte of a frame has to have of the first bit."""
        self._least = 6 if role == SERVER else 2
        """Bytes in the shortest head."""
        self._max_message = min(max_message, _LONGEST)
        self._max_fragments = min(max_fragments, _LONGEST)
        self._small = min(max_message, CONTROL_LIMIT) if max_fragments > 0 else -1
        """Bytes of a message that nothing but its text has to be checked of."""
        self._compression = decompressor is not None
        self._decompressor: Decompressor
        if decompressor is not None:
            self._decompressor = decompressor
        self._streaming = streaming
        self._data = b""
        self._buffer = self._data
        self._index = 0
        self._end = 0
        self._state = _HEAD
        self._message = 0
        """The opcode of the message in progress, 0 between messages."""
        self._compressed = False
        """Whether the message in progress is."""
        self._fragments = 0
        self._size = 0
        """Bytes of the message in progress, decompressed."""
        self._draft: Draft | None = None
        """What is there of it, where it is to be whole."""
        self._checker: Utf8Checker | None = None
        """What checks its text, where it is handed out in pieces."""
        self._current = 0
        """The opcode of the frame in progress."""
        self._fin = False
        self._key = b""
        self._left = 0
        self._turn = 0
        """How much of its payload was read, modulo 4."""
        self._control = b""
        """What is there of a control frame's payload."""

    def feed(self, data: bytes) -> None:
        """Take more bytes in."""
        if self._index != self._end:
            data = self._buffer[self._index : self._end] + data
        self._data = data
        self._buffer = data
        self._index = 0
        self._end = len(data)

    def next_item(self) -> Item | None:
        """Return the next item; ``None`` when more bytes are needed for one.

        Raises:
            RemoteProtocolError: the peer broke the protocol; nothing may be asked any more.
        """
        return (self.opcode, self.payload, self.final) if self.advance() else None

    def advance(self) -> bool:  # noqa: C901, PLR0912 - a small message in one go, for speed
        """Go to the next item and return ``True``; ``False`` when more bytes are needed for one.

        Raises:
            RemoteProtocolError: the peer broke the protocol; nothing may be asked any more.
        """
        while True:
            if self._state == _HEAD:
                index = self._index
                if not self._message and self._end - index > 1:
                    # The usual case in one go: a whole message of at most 125 bytes in one frame.
                    buffer = self._buffer
                    first = buffer[index]
                    # One of the wrong role has over 125 bytes here.
                    size = buffer[index + 1] ^ self._mask_bit
                    start = index + self._least
                    stop = start + size
                    if first in (0x81, 0x82) and size <= self._small and stop <= self._end:
                        self._index = stop
                        if self._mask_bit:
                            payload = unmask_whole(buffer, start, stop)
                        else:
                            payload = buffer[start:stop]
                        if first == 0x81 and not is_utf8(payload):
                            raise RemoteProtocolError(INVALID_DATA, "the text is not UTF-8")
                        self.opcode = first & 0x0F
                        self.payload = payload
                        self.final = True
                        return True
                if not self._read_head():
                    break
            elif self._state == _INFLATING:
                if self._inflate():
                    return True
            elif self._left and self._index == self._end:
                break
            elif self._read_payload():
                return True
        self.payload = b""
        if self._index == self._end:
            self._data = self.payload
            self._buffer = self._data
            self._index = 0
            self._end = 0
        return False

    def _give(self, opcode: int, payload: bytes, final: bool) -> bool:
        self.opcode = opcode
        self.payload = payload
        self.final = final
        return True

    # -- the head of a frame ---------------------------------------------------------------------

    def _read_head(self) -> bool:  # noqa: C901 - one pass over the head, for speed
        buffer = self._buffer
        index = self._index
        available = self._end - index
        if available < 2:
            if available:
                self._check_first(buffer[index])
            return False
        first = buffer[index]
        second = buffer[index + 1]
        self._check_first(first)
        self._check_second(first, second)
        size = second & 0x7F
        index += 2
        if size == 126:
            if available < 4:
                return False
            size = buffer[index] << 8 | buffer[index + 1]
            index += 2
            if size < 126:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a length is in its shortest form")
        elif size == 127:
            if available < 10:
                return False
            size = self._read_size(index)
            index += 8
        if self._mask_bit:
            if self._end - index < 4:
                return False
            self._key = buffer[index : index + 4]
            index += 4
        self._index = index
        self._current = first & 0x0F
        self._fin = first & 0x80 != 0
        self._left = size
        self._turn = 0
        self._state = _PAYLOAD
        if not first & 0x8:
            self._count(first, size)
        return True

    def _read_size(self, index: int) -> int:
        buffer = self._buffer
        if buffer[index] & 0x80:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a length has 63 bits")
        size = 0
        for place in range(index, index + 8):
            size = size << 8 | buffer[place]
        if size < 0x10000:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a length is in its shortest form")
        return size

    def _check_first(self, first: int) -> None:
        opcode = first & 0x0F
        if first & 0x70:
            self._check_reserved(first, opcode)
        if opcode & 0x8:
            if opcode > PONG:
                raise RemoteProtocolError(PROTOCOL_ERROR, f"opcode {opcode:#x} is reserved")
            if not first & 0x80:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a control frame is not fragmented")
        elif opcode > 2:
            raise RemoteProtocolError(PROTOCOL_ERROR, f"opcode {opcode:#x} is reserved")
        elif opcode == 0:
            if not self._message:
                raise RemoteProtocolError(PROTOCOL_ERROR, "there is no message to continue")
        elif self._message:
            raise RemoteProtocolError(PROTOCOL_ERROR, "the message before is not finished")

    def _check_reserved(self, first: int, opcode: int) -> None:
        if first & 0x70 != 0x40 or not self._compression:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a reserved bit is set without an extension")
        if opcode & 0x8 or not opcode:
            # RFC 7692, 6.1: it belongs to messages, and stands in their first frame.
            raise RemoteProtocolError(
                PROTOCOL_ERROR, "only the first frame of a message says that it is compressed"
            )

    def _check_second(self, first: int, second: int) -> None:
        if second & 0x80 != self._mask_bit:
            raise RemoteProtocolError(
                PROTOCOL_ERROR,
                "a client masks its frames"
                if self._mask_bit
                else "a server does not mask its frames",
            )
        if first & 0x8 and second & 0x7F > CONTROL_LIMIT:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a control frame has at most 125 bytes")

    def _count(self, first: int, size: int) -> None:
        opcode = first & 0x0F
        if opcode:
            self._message = opcode
            self._compressed = first & 0x40 != 0
            self._fragments = 0
            self._size = 0
        if self._fragments == self._max_fragments:
            raise RemoteProtocolError(
                MESSAGE_TOO_BIG, f"a message has at most {self._max_fragments} fragments"
            )
        self._fragments += 1
        if not self._compressed:
            self._grow(size)

    def _grow(self, size: int) -> None:
        if size > self._max_message - self._size:
            raise RemoteProtocolError(
                MESSAGE_TOO_BIG, f"a message has at most {self._max_message} bytes"
            )
        self._size += size

    # -- the payload -----------------------------------------------------------------------------

    def _read_payload(self) -> bool:
        start = self._index
        size = min(self._end - start, self._left)
        stop = start + size
        turn = self._turn
        self._index = stop
        self._left -= size
        self._turn = (turn + size) & 3
        whole = self._left == 0
        final = whole and self._fin
        if whole:
            self._state = _HEAD
        control = self._current & 0x8 != 0
        plain = not (control or self._compressed or self._streaming)
        if plain and (self._draft is not None or not final):
            return self._add(self._buffer, start, stop, self._key, turn, final)
        data = unmask(self._buffer, start, stop, self._key, turn)
        if control:
            return self._take_control(data, whole)
        if self._compressed:
            self._decompressor.feed(data, final=final)
            self._state = _INFLATING
            return False
        return self._take_data(data, final)

    def _inflate(self) -> bool:
        decompressor = self._decompressor
        room = self._max_message - self._size
        # One byte over the limit shows that there is more.
        data = decompressor.read(CHUNK if room >= CHUNK else room + 1)
        size = len(data)
        if size > room and self._message == TEXT:
            # Wrong text before the limit is wrong text, however it was cut on its way.
            self._take_data(data[:room], False)
        self._grow(size)
        if not decompressor.is_empty():
            return self._take_data(data, False)
        self._state = _PAYLOAD if self._left else _HEAD
        final = self._fin and not self._left
        if final:
            decompressor.end()
        return self._take_data(data, final)

    def _take_control(self, data: bytes, whole: bool) -> bool:
        if not whole:
            self._control += data
            return False
        if self._control:
            data = self._control + data
            self._control = b""
        return self._give(self._current, data, True)

    def _take_data(self, data: bytes, final: bool) -> bool:
        if not self._streaming and (not final or self._draft is not None):
            return self._add(data, 0, len(data), b"", 0, final)
        message = self._message
        if message == TEXT:
            self._check_text(data, final)
        if final:
            self._message = 0
            self._checker = None
        elif not data:
            return False
        return self._give(message, data, final)

    def _add(
        self, buffer: bytes, start: int, stop: int, key: bytes, turn: int, final: bool
    ) -> bool:
        draft = self._draft
        if draft is None:
            draft = self._draft = Draft(self._message == TEXT)
        if not draft.add(buffer, start, stop, key, turn, final):
            raise RemoteProtocolError(INVALID_DATA, "the text is not UTF-8")
        if not final:
            return False
        message = self._message
        self._message = 0
        self._draft = None
        return self._give(message, draft.take(), True)

    def _check_text(self, data: bytes, final: bool) -> None:
        if final and self._checker is None:
            # The usual case, a whole message at once, needs nothing that remembers.
            right = is_utf8(data)
        else:
            if self._checker is None:
                self._checker = Utf8Checker()
            right = self._checker.check(data, final)
        if not right:
            raise RemoteProtocolError(INVALID_DATA, "the text is not UTF-8")
