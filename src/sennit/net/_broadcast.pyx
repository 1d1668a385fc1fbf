"""One frame for many sockets of the poll group."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno

from sennit.net._group cimport MSG_DONTWAIT, MSG_NOSIGNAL, now, send
from sennit.net._letter cimport Letter, post
from sennit.net._socket cimport Socket
from sennit.net._tls cimport TlsSocket

cdef enum:
    BATCH = 64
    RSV1 = 0x40  # In the first byte of a frame: its message is compressed (RFC 7692, 6).
    DEBT = 65536  # Bytes that are left for later, at most, of one socket's.


def broadcast(list sockets, bytes frame not None):
    """Give one frame to many sockets, and return the indices of those that refused it.

    Those that are muted take it and send nothing. Nothing in Python runs for a socket that takes it
    whole; the GIL is released while the kernel does its work. What is not done within a turn of the
    group is done in the next one, before anything else is written to the sockets that still wait;
    and so is all of a broadcast that follows meanwhile, so that many do not take a turn each.
    """
    cdef Py_ssize_t count = len(sockets)
    cdef Py_ssize_t first = 0, last
    cdef double began = now()
    cdef list refused = []
    if PyBytes_GET_SIZE(frame) and PyBytes_AS_STRING(frame)[0] & RSV1:
        # What the peers have of what came before is not what ours have any more.
        for first in range(count):
            if (<Socket>sockets[first])._engine is not None:
                (<Socket>sockets[first])._engine.shared_frame_sent()
        first = 0
    if count > BATCH and (<Socket>sockets[0])._group._debtors:
        _leave(sockets, 0, frame, refused)
        return refused
    while first < count:
        last = min(first + BATCH, count)
        if first and now() - began > (<Socket>sockets[first])._group.turn:
            _leave(sockets, first, frame, refused)
            break
        _send_batch(sockets, first, last, frame, refused)
        first = last
    return refused


cdef int _leave(list sockets, Py_ssize_t first, bytes frame, list refused) except -1:
    """Leave a frame for the next turn, for all from one on."""
    cdef Py_ssize_t index, size = PyBytes_GET_SIZE(frame)
    cdef Socket socket
    for index in range(first, len(sockets)):
        socket = <Socket>sockets[index]
        if socket.muted or socket._fd < 0:
            continue
        if socket._owed is not None and (
            socket._debt + size > DEBT or 0 < socket._bound <= socket._debt + size
        ):
            socket._settle()  # What is owed has a bound, and the kernel may take all of it.
        if socket._is_full():
            refused.append(index)
        elif socket._cork is not None or socket.delivering or socket._queued:
            socket.write(frame)
        else:
            socket._group._owe(socket, frame)
    return 0


cdef int _send_batch(
    list sockets, Py_ssize_t first, Py_ssize_t last, bytes frame, list refused
) except -1:
    cdef Py_ssize_t index, place, sent
    cdef const char *start = PyBytes_AS_STRING(frame)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(frame)
    cdef Socket socket
    cdef int fds[BATCH]
    cdef ssize_t results[BATCH]
    cdef Letter letters[BATCH]
    cdef Py_ssize_t written = 0
    cdef unsigned char *wire = NULL
    for index in range(first, last):
        place = index - first
        fds[place] = -1
        socket = <Socket>sockets[index]
        if socket.muted or socket._fd < 0:
            continue
        if socket._owed is not None:
            socket._settle()
        if socket._is_full():
            refused.append(index)
        elif socket._cork is not None or socket.delivering or socket._queued:
            socket.write(frame)
        elif socket._shut:
            continue
        elif not isinstance(socket, TlsSocket):
            fds[place] = socket._fd
        elif (<TlsSocket>socket)._address(&letters[written]):
            letters[written].index = index
            written += 1
            wire = socket._group.wire()
        else:
            socket.write(frame)
    with nogil:
        if written:
            post(letters, written, start, size, wire)
        for place in range(last - first):
            if fds[place] >= 0:
                results[place] = send(fds[place], start, size, MSG_NOSIGNAL | MSG_DONTWAIT)
                if results[place] < 0:
                    results[place] = -errno
    for place in range(written):
        if not letters[place].done:
            (<TlsSocket>sockets[letters[place].index])._posted(&letters[place], frame)
    for place in range(last - first):
        if fds[place] < 0 or results[place] == size:
            continue
        socket = <Socket>sockets[first + place]
        sent = results[place]
        if sent == -EAGAIN or sent == -EINTR:
            sent = 0
        if sent < 0:
            socket._fail_with(<int>-sent)
        else:
            socket._keep(frame, sent)
    return 0
