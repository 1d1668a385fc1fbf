"""A server's answer as a client reads it: the head, and of a refusal the body, each bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from sennit.engine.head import HeadReader
from sennit.errors import HandshakeError

__all__ = ["AnswerReader", "Body", "header"]

A = TypeVar("A")

INTERIM = 8
"""Heads that may come before the one that counts (RFC 9110, 15.2)."""

_WITHOUT_BODY = (0, 101, 204, 304)
_LENGTH = re.compile(r"\d{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_CHUNK_HEAD = 1024
"""Bytes in the line before a chunk."""


class AnswerReader(Generic[A]):
    """Reads the answer to one request.

    Args:
        who: whose answer it is, for sentences: ``"the server"``.
        check: makes something of the head of an answer that is not a refusal; of any other it
            raises :class:`HandshakeError`.
        max_head: bytes in a head.
        max_body: bytes of a refusal's body to keep; what is more is not waited for.

    Attributes:
        who: whose answer it is.
    """

    def __init__(
        self, who: str, check: Callable[[bytes], A], max_head: int, max_body: int = 0
    ) -> None:
        self.who = who
        self._check = check
        self._max_head = max_head
        self._max_body = max_body
        self._head = HeadReader(max_head)
        self._interim = 0
        self._refusal: HandshakeError | None = None
        self._body: Body | None = None

    @property
    def refusal(self) -> HandshakeError | None:
        """The refusal that was read, with as much of its body as there is."""
        if self._refusal is not None and self._body is not None:
            self._refusal.body = bytes(self._body.taken)
        return self._refusal

    def receive(self, data: bytes) -> tuple[A, bytes] | None:
        """Take bytes in.

        Returns:
            What came of the head, and the bytes behind it; ``None`` until that is complete.

        Raises:
            HandshakeError: the refusal, with its body; or, with the status 0, it is no answer.
        """
        while self._body is None:
            complete = self._receive_head(data)
            if complete is None:
                return None
            head, data = complete
            try:
                return self._check(head), data
            except HandshakeError as error:
                if 100 <= error.status < 200 and error.status != 101:
                    self._pass_over()
                    continue
                self._refusal = error
                self._body = Body(error.status, error.headers, self._max_body)
        if self._body.receive(data) and (refusal := self.refusal) is not None:
            raise refusal
        return None

    def _receive_head(self, data: bytes) -> tuple[bytes, bytes] | None:
        try:
            return self._head.receive(data)
        except HandshakeError:
            size = self._max_head
            raise HandshakeError(0, f"{self.who}'s answer has a head over {size} bytes") from None

    def _pass_over(self) -> None:
        self._interim += 1
        if self._interim > INTERIM:
            raise HandshakeError(0, f"{self.who} sends interim answers only")
        self._head = HeadReader(self._max_head)


class Body:
    """The body of an answer, as much of it as is wanted (RFC 9112, 6).

    Args:
        status: the answer's.
        headers: the answer's, with lower-case names.
        limit: bytes to keep.

    Attributes:
        taken: what there is so far.
    """

    def __init__(self, status: int, headers: Iterable[tuple[str, str]], limit: int) -> None:
        fields = tuple(headers)
        coding = header(fields, "transfer-encoding")
        length = header(fields, "content-length")
        self.taken = bytearray()
        self._left = limit
        self._chunks: _Chunks | None = None
        redirects = 300 <= status < 400 and header(fields, "location") is not None
        if status in _WITHOUT_BODY or redirects:
            self._left = 0
        elif coding is not None:
            if coding.lower() == "chunked":
                self._chunks = _Chunks()
        elif length is not None and _LENGTH.fullmatch(length):
            self._left = min(limit, int(length))

    def receive(self, data: bytes) -> bool:
        """Take bytes in, and return whether no more are wanted."""
        over = False
        if self._chunks is not None:
            data, over = self._chunks.receive(data)
        kept = data[: self._left]
        self.taken += kept
        self._left -= len(kept)
        return over or self._left == 0


class _Chunks:
    """Takes the chunked coding off (RFC 9112, 7.1)."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._left = 0
        self._ended = True
        """Whether the chunk before has had its line's end."""

    def receive(self, data: bytes) -> tuple[bytes, bool]:
        """Return what is in the chunks, and whether that was the last, or none of the coding."""
        plain = bytearray()
        while data:
            if self._left:
                part, data = data[: self._left], data[self._left :]
                self._left -= len(part)
                plain += part
                continue
            line, newline, data = data.partition(b"\n")
            self._line += line
            if len(self._line) > _CHUNK_HEAD:
                return bytes(plain), True
            if newline and not self._begin_chunk():
                return bytes(plain), True
        return bytes(plain), False

    def _begin_chunk(self) -> bool:
        line = bytes(self._line).removesuffix(b"\r")
        self._line.clear()
        if not self._ended:
            self._ended = True
            return not line
        match = _CHUNK.fullmatch(line)
        if match is None:
            return False
        self._left = int(match[1], 16)
        self._ended = False
        return self._left > 0


def header(fields: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the first header of a lower-case name."""
    return next((value for field, value in fields if field == name), None)
