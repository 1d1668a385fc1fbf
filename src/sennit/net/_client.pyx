"""Clients of the poll group: a socket that is not connected yet, and the client's role on one."""

import os

from twisted.logger import Logger
from twisted.python.failure import Failure

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from sennit.engine._frame cimport HEAD_LIMIT, write_head
from sennit.engine._mask cimport mask_into
from sennit.net._group cimport EPOLLOUT, OUT, Group, Member
from sennit.net._socket cimport Socket

_log = Logger(namespace="sennit.net")

cdef enum:
    KEY = 4
    KEYS = 4096

cdef bytes _keys = b""
"""Bytes for masking keys, drawn from the system many at a time."""
cdef Py_ssize_t _used = 0
"""How many of them are spent; none is used twice."""


cdef const unsigned char *new_key() except NULL:
    """Return a masking key that nobody can foresee (RFC 6455, 10.3); it is there until the next."""
    global _keys, _used
    if _used + KEY > PyBytes_GET_SIZE(_keys):
        _keys = os.urandom(KEYS)
        _used = 0
    _used += KEY
    return <const unsigned char *>PyBytes_AS_STRING(_keys) + _used - KEY


def _forget_keys():
    """Let two processes that were one not go on with the same keys."""
    global _keys, _used
    _keys = b""
    _used = 0


os.register_at_fork(after_in_child=_forget_keys)


def wait(Group group, int fd, ready):
    """Wait until a socket that is being connected can be written to, or has failed.

    Args:
        group: what waits.
        fd: the socket, which stays the caller's.
        ready: called once: with ``None``, or with why the group waits no more.

    Returns:
        A :class:`Waiter`, whose ``stop()`` is for before the socket is closed.
    """
    cdef Waiter waiter = Waiter.__new__(Waiter)
    waiter._group = group
    waiter._ready = ready
    group._enter(waiter, fd)
    try:
        group._watch(waiter, EPOLLOUT)
    except OSError:
        group._leave(waiter)
        waiter._fd = -1
        raise
    return waiter


cdef class Waiter(Member):
    """A socket that is being connected, and that somebody else owns."""

    cdef object _ready

    def stop(self):
        """Wait no more; fine a second time."""
        if self._fd < 0:
            return
        self._ready = None
        try:
            self._group._watch(self, 0)
        except OSError:
            pass  # It was closed already.
        self._group._leave(self)
        self._fd = -1

    cdef int _serve(self, uint32_t events) except -1:
        ready = self._ready
        self.stop()
        ready(None)
        return 0

    cdef void _broken(self, reason):
        ready = self._ready
        if ready is None:
            return
        try:
            self.stop()
            ready(reason)
        except Exception:
            _log.failure("an attempt to connect could not be ended")


def adopt_client(Group group, int fd, peer, ended):
    """Take over a socket that this side has connected, as its new owner.

    Args:
        group: what it belongs to.
        fd: connected, non-blocking.
        peer: the address of its other end, ``None`` for what the system says.
        ended: called with the reason when the connection is gone, after its protocol.

    Returns:
        A :class:`ClientSocket`; set its protocol before the loop goes on.
    """
    cdef ClientSocket made = ClientSocket.__new__(ClientSocket)
    made._enroll(group, fd)
    made._peer = peer
    made._ended = ended
    made.masking = True
    return made


cdef class ClientSocket(Socket):
    """A connection that this side has made: the frames that it sends are masked."""

    cdef object _ended

    cdef int _send_frame(self, int opcode, const char *start, Py_ssize_t size) except -1:
        cdef unsigned char head[HEAD_LIMIT]
        cdef int length = write_head(head, opcode, size, True, 0, new_key())
        cdef const unsigned char *key = head + length - KEY
        cdef unsigned char *target
        cdef bytes whole = None
        if self.delivering and length + size <= OUT:
            if self._gathered + length + size > OUT:
                self._send_gathered()
            target = <unsigned char *>self._group._out + self._gathered
            self._gathered += length + size
        else:
            whole = PyBytes_FromStringAndSize(NULL, length + size)
            target = <unsigned char *>PyBytes_AS_STRING(whole)
        memcpy(target, head, length)
        mask_into(target + length, <const unsigned char *>start, size, key, 0)
        if whole is not None:
            self.write(whole)
        return 0

    def _lose(self, why):
        """Close the descriptor, and tell the protocol, then who has connected; once."""
        ended, self._ended = self._ended, None
        Socket._lose(self, why)
        if ended is not None:
            ended(Failure(why))
