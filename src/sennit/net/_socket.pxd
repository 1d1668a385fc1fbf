"""A connection of the poll group, for C."""

from libc.stdint cimport uint32_t

from sennit.engine._connection cimport Connection
from sennit.net._group cimport Group, Member, flag
from sennit.net._sender cimport Sender


cdef class Socket(Sender):
    cdef readonly flag masking
    cdef flag _reading
    cdef flag _ended
    cdef flag _ending
    cdef flag _pieces
    cdef flag _over
    cdef public object protocol
    cdef Connection _engine
    cdef public object received
    cdef object _peer
    cdef Member _host

    cdef int _enroll(self, Group group, int fd) except -1
    cdef int _send_frame(self, int opcode, const char *start, Py_ssize_t size) except -1
    cdef int _update(self) except -1
    cdef int _serve(self, uint32_t events) except -1
    cdef int _read(self) except -1
    cdef int _take(self, const unsigned char *start, Py_ssize_t size) except -1
    cdef int _end(self) except -1
    cdef int _shut_half(self) except -1
    cdef int _fail(self) except -1
    cdef int _fail_with(self, int number) except -1
    cdef void _broken(self, reason)


cdef Socket socket_of(Group group, int fd)
