"""A connection of the poll group over TLS, for C."""

from sennit.net._group cimport flag
from sennit.net._letter cimport Letter
from sennit.net._socket cimport Socket


cdef class TlsSocket(Socket):
    cdef readonly object factory
    cdef object _connection
    cdef void *_tls
    cdef void *_incoming
    cdef void *_outgoing
    cdef flag _lent
    cdef flag _secured
    cdef flag _draining
    cdef list _waiting
    cdef Py_ssize_t _waits
    cdef Py_ssize_t _own

    cdef bint _address(self, Letter *letter) noexcept
    cdef int _posted(self, Letter *letter, bytes frame) except -1
    cdef int _begin(self) except -1
    cdef int _renew(self) except -1
    cdef int _renew_outgoing(self) except -1
    cdef int _outgrow(self) except -1
    cdef bint _shake(self) except -1
    cdef int _decrypt(self) except -1
    cdef int _drain(self) except -1
    cdef int _seal(self, const char *data, Py_ssize_t size, const char *more, Py_ssize_t length) except -1
    cdef int _refused(self, int why, unsigned char *wire, Py_ssize_t filled, const char *data, Py_ssize_t size, const char *more, Py_ssize_t length) except -1
    cdef int _fail_for(self, why) except -1
    cdef int _wait(self, const char *data, Py_ssize_t size, const char *more, Py_ssize_t length) except -1
    cdef int _go_on(self) except -1
    cdef int _transmit(self, const unsigned char *data, Py_ssize_t size) except -1
    cdef int _part(self) except -1
    cdef int _farewell(self) except -1


cdef TlsSocket tls_socket_of(group, int fd, factory)
