"""A frame of a broadcast on its way to one connection over TLS, for C."""

cdef enum:
    RECORD = 16384  # Bytes in a record, at most.
    MARGIN = 32768  # What a record takes on the wire, however it is cut and padded.
    SMALL = 4096  # What OpenSSL's own memory may grow to, and stay at, for a connection.


cdef struct Letter:
    Py_ssize_t index  # Of the connection, among those of the broadcast.
    void *tls
    void *outgoing
    int fd
    bint done  # Whether nothing is left to do.
    Py_ssize_t taken  # Bytes of the frame that are in records.
    Py_ssize_t sealed  # Bytes of the records.
    Py_ssize_t sent  # Of these, bytes that the kernel has taken; or minus the number of an error.
    char *left  # A copy of the others, if there are any.


cdef void post(
    Letter *letters,
    Py_ssize_t count,
    const char *frame,
    Py_ssize_t size,
    unsigned char *wire,
) noexcept nogil
