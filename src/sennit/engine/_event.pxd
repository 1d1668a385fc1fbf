"""The types that make extension types of the classes of ``event.py``."""

cimport cython


cdef class _Event:
    pass


@cython.final
cdef class Message(_Event):
    cdef readonly bytes data
    cdef readonly bint text


@cython.final
cdef class Chunk(_Event):
    cdef readonly bytes data
    cdef readonly bint text
    cdef readonly bint final


@cython.final
cdef class Ping(_Event):
    cdef readonly bytes data
    cdef readonly bytes reply


@cython.final
cdef class Pong(_Event):
    cdef readonly bytes data


@cython.final
cdef class Close(_Event):
    cdef readonly int code
    cdef readonly str reason
    cdef readonly bytes reply


@cython.final
cdef class Failure(_Event):
    cdef readonly object error
    cdef readonly bytes reply
