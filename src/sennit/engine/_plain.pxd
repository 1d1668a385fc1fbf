"""A request that is read where it lies, for C."""


cdef class PlainRequest:
    cdef readonly bytes head
    cdef readonly str path
    cdef readonly str query
    cdef readonly str key
    cdef readonly bint same_origin
    cdef str _host
    cdef str _origin
    cdef str _subprotocols
    cdef str _extensions
    cdef object _whole

    cpdef header(self, str name)
    cdef object _parsed(self)


cdef PlainRequest plain_at(const unsigned char *start, Py_ssize_t size, Py_ssize_t limit)
