"""Sending one frame to many connections over TLS: a record and a send for each, without the GIL."""

from libc.errno cimport errno
from libc.stdlib cimport malloc
from libc.string cimport memcpy

from sennit.net._group cimport MSG_DONTWAIT, MSG_NOSIGNAL, WIRE, send
from sennit.net._libssl cimport BIO_read, ERR_clear_error, SSL_write


cdef void post(
    Letter *letters,
    Py_ssize_t count,
    const char *frame,
    Py_ssize_t size,
    unsigned char *wire,
) noexcept nogil:
    """Send a frame of a broadcast to connections that have nothing queued."""
    cdef Py_ssize_t place
    ERR_clear_error()
    for place in range(count):
        _post(&letters[place], frame, size, wire)


cdef void _post(
    Letter *letter, const char *frame, Py_ssize_t size, unsigned char *wire
) noexcept nogil:
    cdef int written, got
    cdef ssize_t sent = 0
    while letter.taken < size and letter.sealed <= WIRE - MARGIN:
        written = SSL_write(
            letter.tls, frame + letter.taken, <int>min(size - letter.taken, <Py_ssize_t>RECORD)
        )
        if written <= 0:
            ERR_clear_error()  # It is met again, by who can end the connection for it.
            break
        letter.taken += written
        got = BIO_read(letter.outgoing, wire + letter.sealed, <int>(WIRE - letter.sealed))
        if got > 0:
            letter.sealed += got
    if letter.sealed:
        sent = send(letter.fd, wire, letter.sealed, MSG_NOSIGNAL | MSG_DONTWAIT)
        letter.sent = -errno if sent < 0 else sent
    if letter.sent == letter.sealed:
        letter.done = letter.taken == size and size <= SMALL
        return
    # The next connection's records take the place of what is left.
    if sent < 0:
        sent = 0
    letter.left = <char *>malloc(letter.sealed - sent)
    if letter.left is not NULL:
        memcpy(letter.left, wire + sent, letter.sealed - sent)
