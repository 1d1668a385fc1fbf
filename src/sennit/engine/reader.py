"""The reader: bytes to frames to messages, strictly (RFC 6455, 5).

Written to be compiled from this source: no generators, integer states, slots, one buffer with an
index. A whole unfragmented message costs one pass.
"""

from __future__ import annotations

from sennit.engine.close import INVALID_DATA, MESSAGE_TOO_BIG, PROTOCOL_ERROR
from sennit.engine.frame import CONTROL_LIMIT, PONG, TEXT
from sennit.engine.mask import apply_mask
from sennit.engine.utf8 import Utf8Checker, is_utf8
from sennit.errors import RemoteProtocolError

__all__ = ["CLIENT", "SERVER", "Reader"]

CLIENT = 1
SERVER = 2

_HEAD = 0
_PAYLOAD = 1

_Item = tuple[int, bytes]


class Reader:
    """Reads what one peer sends.

    Args:
        role: ``SERVER`` demands masked frames, ``CLIENT`` unmasked ones (5.1).
        max_message: bytes in a message; more is refused when a frame's head announces it (1009).
        max_fragments: frames in a message; more is refused (1009).

    Attributes:
        items: what was read and not taken yet: an opcode (TEXT, BINARY, PING, PONG, CLOSE) and a
            payload each. Text is UTF-8, checked.
    """

    __slots__ = (
        "_buffer",
        "_checker",
        "_control",
        "_fin",
        "_fragments",
        "_index",
        "_key",
        "_left",
        "_masked",
        "_max_fragments",
        "_max_message",
        "_message",
        "_opcode",
        "_parts",
        "_read",
        "_role",
        "_state",
        "items",
    )

    def __init__(self, role: int, max_message: int, max_fragments: int) -> None:
        self._role = role
        self._max_message = max_message
        self._max_fragments = max_fragments
        self._buffer = b""
        self._index = 0
        self._state = _HEAD
        self._message = 0
        """The opcode of the message in progress, 0 between messages."""
        self._fragments = 0
        self._parts = bytearray()
        """The message in progress, unmasked: one buffer, however small its fragments."""
        self._checker: Utf8Checker | None = None
        self._opcode = 0
        self._fin = False
        self._masked = False
        self._key = b""
        self._left = 0
        self._read = 0
        self._control = bytearray()
        self.items: list[_Item] = []

    def feed(self, data: bytes) -> None:
        """Read more bytes; what they complete is added to :attr:`items`.

        Raises:
            RemoteProtocolError: the peer broke the protocol. What came before stands in
                :attr:`items`; nothing may be fed any more.
        """
        self._buffer = self._buffer[self._index :] + data if self._buffer else data
        self._index = 0
        while self._read_on():
            pass
        if self._index == len(self._buffer):
            self._buffer = b""
            self._index = 0

    def _read_on(self) -> bool:
        """Take one step and return whether another one may be possible."""
        if self._state == _HEAD:
            return self._read_head()
        return self._read_payload()

    def _read_head(self) -> bool:  # noqa: C901 - one pass over the head, for speed
        buffer = self._buffer
        index = self._index
        available = len(buffer) - index
        if available < 2:
            if available:
                self._check_first(buffer[index])
            return False
        first = buffer[index]
        second = buffer[index + 1]
        self._check_first(first)
        self._check_second(first & 0x0F, second)
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
            size = int.from_bytes(buffer[index : index + 8], "big")
            index += 8
            if size < 0x10000:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a length is in its shortest form")
            if size >> 63:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a length has 63 bits")
        if second & 0x80:
            if len(buffer) - index < 4:
                return False
            self._key = buffer[index : index + 4]
            index += 4
        self._index = index
        self._begin(first, size, masked=bool(second & 0x80))
        return True

    def _check_first(self, first: int) -> None:
        opcode = first & 0x0F
        if first & 0x70:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a reserved bit is set without an extension")
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

    def _check_second(self, opcode: int, second: int) -> None:
        if self._role == SERVER:
            if not second & 0x80:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a client masks its frames")
        elif second & 0x80:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a server does not mask its frames")
        if opcode & 0x8 and second & 0x7F > CONTROL_LIMIT:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a control frame has at most 125 bytes")

    def _begin(self, first: int, size: int, *, masked: bool) -> None:
        opcode = first & 0x0F
        self._opcode = opcode
        self._fin = bool(first & 0x80)
        self._masked = masked
        self._left = size
        self._read = 0
        self._state = _PAYLOAD
        if opcode & 0x8:
            return
        if opcode:
            self._message = opcode
            self._fragments = 0
        self._fragments += 1
        if self._fragments > self._max_fragments:
            raise RemoteProtocolError(
                MESSAGE_TOO_BIG, f"a message has at most {self._max_fragments} fragments"
            )
        if size + len(self._parts) > self._max_message:
            raise RemoteProtocolError(
                MESSAGE_TOO_BIG, f"a message has at most {self._max_message} bytes"
            )

    def _read_payload(self) -> bool:
        index = self._index
        size = min(self._left, len(self._buffer) - index)
        if size < self._left and not size:
            return False
        data = self._buffer[index : index + size]
        if self._masked:
            data = apply_mask(data, self._key, self._read)
        self._index = index + size
        self._left -= size
        self._read += size
        whole = self._left == 0
        if self._opcode & 0x8:
            self._take_control(data, whole)
        else:
            self._take_data(data, whole)
        if whole:
            self._state = _HEAD
        return whole

    def _take_control(self, data: bytes, whole: bool) -> None:
        self._control += data
        if whole:
            self.items.append((self._opcode, bytes(self._control)))
            self._control.clear()

    def _take_data(self, data: bytes, whole: bool) -> None:
        final = whole and self._fin
        if self._message == TEXT:
            self._check_text(data, final)
        if not final:
            self._parts += data
            return
        if self._parts:
            self._parts += data
            data = bytes(self._parts)
            self._parts = bytearray()
        self.items.append((self._message, data))
        self._message = 0
        self._checker = None

    def _check_text(self, data: bytes, final: bool) -> None:
        checker = self._checker
        if checker is None:
            if final:
                # The usual case, a whole message at once, needs nothing that remembers.
                if not is_utf8(data):
                    raise RemoteProtocolError(INVALID_DATA, "the text is not UTF-8")
                return
            checker = self._checker = Utf8Checker()
        if not checker.check(data, final=final):
            raise RemoteProtocolError(INVALID_DATA, "the text is not UTF-8")
