"""The types that make machine code of ``reader.py``, and what C has of it besides.

C gives the reader bytes where they lie, and takes what they mean without an object between::

    feed_pointer(reader, memory, size)      # lent, not copied
    while reader.advance():                 # raises RemoteProtocolError
        ...                                 # reader.opcode, reader.payload, reader.final
    keep(reader)                            # before the memory is used for something else

Each item costs one ``bytes`` for its payload. Other readers may be fed and asked in between, and
asking may stop anywhere: ``keep`` copies whatever was not read, usually nothing, at most what was
lent. Between ``feed_pointer`` and ``keep`` the memory has to stay as it is; nobody writes to it.
"""

import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy

from sennit.engine._draft cimport Draft
from sennit.engine._mask cimport unmask, unmask_whole
from sennit.engine._utf8 cimport Utf8Checker, is_utf8

cdef extern from *:
    ctypedef bint flag "unsigned char"  # There is a reader for each connection: every byte counts.

cdef int _HEAD
cdef int _PAYLOAD
cdef int _INFLATING
cdef Py_ssize_t CHUNK
cdef int CONTROL_LIMIT
cdef int PONG
cdef int TEXT


cdef class Reader:
    cdef readonly bytes payload
    """Of the item that ``advance`` went to; empty once there is none."""
    cdef readonly unsigned char opcode
    """TEXT, BINARY, CLOSE, PING or PONG."""
    cdef readonly flag final
    """Whether the message ends with it."""

    cdef unsigned char _mask_bit
    cdef unsigned char _least
    cdef flag _streaming
    cdef flag _compressed
    cdef flag _compression
    cdef flag _fin
    cdef unsigned char _state
    cdef unsigned char _message
    cdef unsigned char _current
    cdef unsigned char _turn
    cdef Py_ssize_t _small
    cdef long long _max_message
    cdef long long _max_fragments
    cdef long long _fragments
    cdef long long _size
    cdef long long _left
    cdef Py_ssize_t _index
    cdef Py_ssize_t _end
    cdef const unsigned char *_buffer
    """What is read, from ``_index`` to ``_end``."""
    cdef bytes _data
    """Whose memory that is; ``None`` if it is lent."""
    cdef bytes _key
    cdef bytes _control
    cdef readonly object _decompressor
    cdef Draft _draft
    cdef Utf8Checker _checker

    @cython.locals(first=int, index=Py_ssize_t, size=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t)
    @cython.locals(buffer="const unsigned char *", payload=bytes)
    cpdef bint advance(self) except -1
    cpdef feed(self, bytes data)
    cpdef tuple next_item(self)
    cdef bint _give(self, int opcode, bytes payload, bint final) except -1

    @cython.locals(available=Py_ssize_t, first=int, index=Py_ssize_t, second=int, size="long long")
    @cython.locals(buffer="const unsigned char *")
    cdef bint _read_head(self) except -1
    @cython.locals(buffer="const unsigned char *", place=Py_ssize_t, size="long long")
    cdef long long _read_size(self, Py_ssize_t index) except -1
    @cython.locals(opcode=int)
    cdef int _check_first(self, int first) except -1
    cdef int _check_reserved(self, int first, int opcode) except -1
    cdef int _check_second(self, int first, int second) except -1
    @cython.locals(opcode=int)
    cdef int _count(self, int first, long long size) except -1
    cdef int _grow(self, long long size) except -1

    @cython.locals(size=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, turn=int)
    @cython.locals(control=bint, data=bytes, final=bint, plain=bint, whole=bint)
    cdef bint _read_payload(self) except -1
    @cython.locals(data=bytes, final=bint, room="long long", size=Py_ssize_t)
    cdef bint _inflate(self) except -1
    cdef bint _take_control(self, bytes data, bint whole) except -1
    @cython.locals(message=int)
    cdef bint _take_data(self, bytes data, bint final) except -1
    @cython.locals(draft=Draft, message=int)
    cdef bint _add(
        self,
        const unsigned char *buffer,
        Py_ssize_t start,
        Py_ssize_t stop,
        bytes key,
        int turn,
        bint final,
    ) except -1
    @cython.locals(right=bint)
    cdef int _check_text(self, bytes data, bint final) except -1


cdef inline int feed_pointer(
    Reader reader, const unsigned char *memory, Py_ssize_t size
) except -1:
    """Lend bytes to a reader, until ``keep``; they follow on those that it has."""
    cdef Py_ssize_t rest = reader._end - reader._index
    cdef bytes data
    if rest:
        # Part of a head, as a rule; else the caller stopped asking.
        data = PyBytes_FromStringAndSize(NULL, rest + size)
        memcpy(PyBytes_AS_STRING(data), reader._buffer + reader._index, rest)
        memcpy(PyBytes_AS_STRING(data) + rest, memory, size)
        reader._data = data
        reader._buffer = data
        reader._end = rest + size
    else:
        reader._data = None
        reader._buffer = memory
        reader._end = size
    reader._index = 0
    return 0


cdef inline int keep(Reader reader) except -1:
    """Have a reader copy what it was lent and has not read."""
    cdef Py_ssize_t rest = reader._end - reader._index
    cdef bytes data = None
    if reader._data is not None:
        return 0
    if rest:
        data = PyBytes_FromStringAndSize(<const char *> reader._buffer + reader._index, rest)
        reader._data = data
        reader._buffer = data
    else:
        reader._buffer = NULL
    reader._index = 0
    reader._end = rest
    return 0
