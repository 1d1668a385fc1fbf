"""A connection of the poll group, for C."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from sennit.engine._reader cimport Reader
from sennit.net._group cimport Group, Member


cdef inline bytes joined(const char *head, Py_ssize_t length, const char *start, Py_ssize_t size):
    """Return two pieces of memory as one."""
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, length + size)
    memcpy(PyBytes_AS_STRING(whole), head, length)
    memcpy(PyBytes_AS_STRING(whole) + length, start, size)
    return whole


cdef class Socket(Member):
    cdef public object protocol
    cdef public bint muted
    cdef readonly bint disconnecting
    cdef readonly bint masking
    cdef bint _reading
    cdef bint _ended
    cdef bint _ending
    cdef bint _finished
    cdef bint _half
    cdef bint _shut
    cdef bint _aborting
    cdef bint _full
    cdef list _queue
    cdef Py_ssize_t _first
    cdef Py_ssize_t _offset
    cdef Py_ssize_t _queued
    cdef uint64_t _sent
    cdef list _cork
    cdef Py_ssize_t _corked
    cdef Py_ssize_t _bound
    cdef Py_ssize_t _low
    cdef object _owner
    cdef uint64_t _reads
    cdef object _stream
    cdef object _received
    cdef Reader _reader
    cdef bint _pieces
    cdef bint _over
    cdef Py_ssize_t _gathered
    cdef object _peer
    cdef Member _host
    cdef readonly bint delivering

    cdef int _send_frame(self, int opcode, const char *start, Py_ssize_t size) except -1
    cdef int _enroll(self, Group group, int fd) except -1
    cdef int _flush_cork(self) except -1
    cdef int _put(self, bytes data) except -1
    cdef int _put_large(self, const char *head, Py_ssize_t length, const char *start, Py_ssize_t size) except -1
    cdef int _settle(self) except -1
    cdef int _keep(self, bytes data, Py_ssize_t sent) except -1
    cdef int _flush(self) except -1
    cdef int _update(self) except -1
    cdef int _serve(self, uint32_t events) except -1
    cdef int _read(self) except -1
    cdef int _take(self, const unsigned char *start, Py_ssize_t size) except -1
    cdef bint _is_full(self) except -1
    cdef int _gather(self, const char *head, Py_ssize_t length, const char *start, Py_ssize_t size, bytes whole) except -1
    cdef int _send_gathered(self) except -1
    cdef int _end(self) except -1
    cdef int _shut_half(self) except -1
    cdef int _fail(self) except -1
    cdef int _fail_with(self, int number) except -1
    cdef void _forget(self)
    cdef void _broken(self, reason)


cdef Socket socket_of(Group group, int fd)
