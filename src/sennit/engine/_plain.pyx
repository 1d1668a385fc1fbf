"""The opening handshake as nearly every client writes it, read in machine code.

What is plain here is a head that ``handshake.parse_request`` and ``handshake.check_upgrade`` take
as well, and means the same to them; a test compares the two. Whatever is unusual, wrong or not
complete is not plain: then they have the word, and the sentences for who made a mistake.
"""

from sennit.engine.handshake import parse_request

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeLatin1
from libc.string cimport memcmp, memset

__all__ = ["PlainRequest", "plain_request"]

cdef enum:
    # What a byte may be part of.
    NAME = 1
    VALUE = 2
    TARGET = 4
    BASE64 = 8
    HOST = 16

cdef enum:
    KEY = 24  # Characters of 16 bytes in base64, two of them padding.

cdef unsigned char KINDS[256]


cdef void _fill() noexcept:
    cdef int byte
    memset(KINDS, 0, sizeof(KINDS))
    for byte in range(256):
        if byte == 0x09 or (byte >= 0x20 and byte != 0x7F):
            KINDS[byte] |= VALUE
        if 0x21 <= byte <= 0x7E:
            KINDS[byte] |= TARGET
    for byte in b"!#$%&'*+.^_`|~-":
        KINDS[byte] |= NAME
    for byte in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789":
        KINDS[byte] |= NAME | BASE64 | HOST
    for byte in b"+/":
        KINDS[byte] |= BASE64
    for byte in b".-":
        KINDS[byte] |= HOST
    for byte in b"%#[]\\":
        KINDS[byte] &= ~TARGET


_fill()


cdef struct Piece:
    const unsigned char *start
    Py_ssize_t size


@cython.no_gc
cdef class PlainRequest:
    """A request that passes ``check_upgrade``; reads like ``sennit.engine.handshake.Request``.

    Attributes:
        head: all of it, with its empty line.
        path: of the target; nothing in it is percent-encoded.
        query: of the target, without its question mark.
        key: the client's.
        same_origin: whether it surely comes from a page of the very host that it asks.
    """

    cpdef header(self, str name):
        """Return a field by its lower-case name."""
        if name == "sec-websocket-extensions":
            return self._extensions
        if name == "sec-websocket-protocol":
            return self._subprotocols
        if name == "origin":
            return self._origin
        if name == "host":
            return self._host
        if name == "transfer-encoding" or name == "content-length":
            return None  # It would not be plain.
        return self.fields.get(name)

    cdef object _parsed(self):
        if self._whole is None:
            self._whole = parse_request(self.head)
        return self._whole

    @property
    def method(self):
        """The only one that a handshake has."""
        return "GET"

    @property
    def version(self):
        """That of HTTP/1.1."""
        return 1, 1

    @property
    def target(self):
        """The request target, as sent."""
        return self._parsed().target

    @property
    def headers(self):
        """Names in lower case and values, in order."""
        return self._parsed().headers

    @property
    def fields(self):
        """The same by name; repeats are joined."""
        return self._parsed().fields


def plain_request(bytes head not None):
    """Read a complete head.

    Returns:
        The request; ``None`` if it is not plain.
    """
    cdef PlainRequest request = plain_at(
        <const unsigned char *>PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head), PyBytes_GET_SIZE(head)
    )
    if request is None or PyBytes_GET_SIZE(request.head) != PyBytes_GET_SIZE(head):
        return None
    return request


cdef PlainRequest plain_at(const unsigned char *start, Py_ssize_t size, Py_ssize_t limit):
    """Read a head that begins in memory here, where it is complete and plain.

    Args:
        start: where it begins.
        size: bytes that are there; those behind the head are not looked at.
        limit: bytes in the longest head.
    """
    cdef const unsigned char *at = start + 4
    cdef const unsigned char *end = start + (size if size < limit else limit)
    cdef Piece path, query, name, value, host, key, origin, subprotocols, extensions
    cdef bint upgrade = False, connection = False, version = False
    host.start = key.start = origin.start = subprotocols.start = extensions.start = NULL
    if size < 32 or memcmp(start, b"GET /", 5):
        return None
    path.start = at
    while at < end and KINDS[at[0]] & TARGET and at[0] != c"?":
        at += 1
    path.size = at - path.start
    query.start, query.size = at, 0
    if at < end and at[0] == c"?":
        at += 1
        query.start = at
        while at < end and KINDS[at[0]] & TARGET:
            at += 1
        query.size = at - query.start
    if end - at < 11 or memcmp(at, b" HTTP/1.1\r\n", 11):
        return None
    at += 11
    while True:
        if end - at < 2:
            return None
        if at[0] == c"\r":
            if at[1] != c"\n":
                return None
            at += 2
            break
        name.start = at
        while at < end and KINDS[at[0]] & NAME:
            at += 1
        name.size = at - name.start
        if at >= end or at[0] != c":" or not name.size:
            return None
        at += 1
        value.start = at
        while at < end and KINDS[at[0]] & VALUE:
            at += 1
        if end - at < 2 or at[0] != c"\r" or at[1] != c"\n":
            return None
        value.size = at - value.start
        at += 2
        _strip(&value)
        if name.size == 4 and _is(name, b"host"):
            if host.start is not NULL:
                return None
            host = value
        elif name.size == 6 and _is(name, b"origin"):
            if origin.start is not NULL:
                return None
            origin = value
        elif name.size == 7 and _is(name, b"upgrade"):
            if upgrade or value.size != 9 or not _is(value, b"websocket"):
                return None
            upgrade = True
        elif name.size == 10 and _is(name, b"connection"):
            if connection or not _says_upgrade(value):
                return None
            connection = True
        elif name.size == 14 and _is(name, b"content-length"):
            return None
        elif name.size == 17 and _is(name, b"transfer-encoding"):
            return None
        elif name.size > 14 and _begins(name, b"sec-websocket-", 14):
            if name.size == 17 and _is(name, b"sec-websocket-key"):
                if key.start is not NULL or not _is_key(value):
                    return None
                key = value
            elif name.size == 21 and _is(name, b"sec-websocket-version"):
                if version or value.size != 2 or memcmp(value.start, b"13", 2):
                    return None
                version = True
            elif name.size == 22 and _is(name, b"sec-websocket-protocol"):
                if subprotocols.start is not NULL:
                    return None
                subprotocols = value
            elif name.size == 24 and _is(name, b"sec-websocket-extensions"):
                if extensions.start is not NULL:
                    return None
                extensions = value
    if not upgrade or not connection or not version or key.start is NULL or host.start is NULL:
        return None
    cdef PlainRequest request = PlainRequest.__new__(PlainRequest)
    request.head = PyBytes_FromStringAndSize(<const char *>start, at - start)
    request.path = _text(path)
    request.query = _text(query)
    request.key = _text(key)
    request._host = _text(host)
    request._origin = _text(origin)
    request._subprotocols = _text(subprotocols)
    request._extensions = _text(extensions)
    request.same_origin = origin.start is not NULL and _is_origin_of(origin, host)
    return request


cdef str _text(Piece piece):
    if piece.start is NULL:
        return None
    return PyUnicode_DecodeLatin1(<const char *>piece.start, piece.size, NULL)


cdef void _strip(Piece *piece) noexcept:
    """Leave the blanks at both ends out (RFC 9112, 5.1)."""
    while piece.size and (piece.start[0] == c" " or piece.start[0] == c"\t"):
        piece.start += 1
        piece.size -= 1
    while piece.size and (
        piece.start[piece.size - 1] == c" " or piece.start[piece.size - 1] == c"\t"
    ):
        piece.size -= 1


cdef bint _begins(Piece piece, const char *lower, Py_ssize_t size) noexcept:
    """Return whether a piece begins with letters (and hyphens), in whatever case."""
    cdef Py_ssize_t index
    for index in range(size):
        if piece.start[index] | 0x20 != <unsigned char>lower[index]:
            return False
    return True


cdef bint _is(Piece piece, const char *lower) noexcept:
    """Return whether a piece, which is as long, is these letters."""
    return _begins(piece, lower, piece.size)


cdef bint _says_upgrade(Piece value) noexcept:
    """Return whether a list has the token ``upgrade``."""
    cdef const unsigned char *at = value.start
    cdef const unsigned char *end = value.start + value.size
    cdef Piece token
    while at < end:
        token.start = at
        while at < end and at[0] != c",":
            at += 1
        token.size = at - token.start
        at += 1
        _strip(&token)
        if token.size == 7 and _is(token, b"upgrade"):
            return True
    return False


cdef bint _is_key(Piece value) noexcept:
    """Return whether it is sixteen bytes in base64."""
    cdef Py_ssize_t index
    if value.size != KEY or value.start[KEY - 1] != c"=" or value.start[KEY - 2] != c"=":
        return False
    for index in range(KEY - 2):
        if not KINDS[value.start[index]] & BASE64:
            return False
    return True


cdef bint _is_origin_of(Piece origin, Piece host) noexcept:
    """Return whether an origin is a scheme and a host, which has nothing odd about it."""
    cdef Py_ssize_t index = 0
    cdef Py_ssize_t scheme = origin.size - host.size
    cdef int digits = 0
    if scheme == 7:
        if memcmp(origin.start, b"http://", 7):
            return False
    elif scheme != 8 or memcmp(origin.start, b"https://", 8):
        return False
    if memcmp(origin.start + scheme, host.start, host.size):
        return False
    while index < host.size and KINDS[host.start[index]] & HOST:
        index += 1
    if index == 0:
        return False
    if index < host.size:
        if host.start[index] != c":":
            return False
        index += 1
        while index < host.size and c"0" <= host.start[index] <= c"9":
            digits += 1
            index += 1
        # Of five digits some are no port.
        if not 1 <= digits <= 4:
            return index == host.size and digits == 5 and host.start[host.size - 5] < c"6"
    return index == host.size
