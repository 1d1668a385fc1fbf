"""Accepting connections for the poll group, on a port of Twisted's."""

from twisted.internet.error import ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure

from libc.errno cimport (
    ECONNABORTED,
    EINTR,
    EMFILE,
    ENFILE,
    ENOBUFS,
    ENOMEM,
    EPERM,
    EPROTO,
    errno,
)
from libc.stdint cimport uint32_t
from libc.string cimport strerror

from sennit.net._group cimport (
    AF_UNIX,
    EPOLLIN,
    IPPROTO_TCP,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    TCP_NODELAY,
    Group,
    Member,
    accept4,
    close,
    setsockopt,
    sockaddr,
    sockaddr_storage,
    socklen_t,
)
from sennit.net._socket cimport Socket, socket_of
from sennit.net._tls cimport tls_socket_of

_log = Logger(namespace="sennit.net")

cdef enum:
    ACCEPTS = 64

cdef double NO_ROOM = 1.0
"""Seconds without accepting, when the process or the machine is out of descriptors."""


def listen(Group group, owner, accepted, tls=None):
    """Accept connections on a listening port, which stays the owner of its socket.

    Args:
        group: what the connections belong to.
        owner: the port of Twisted's; the reactor keeps it alive no more, so the group does.
        accepted: called with each new ``Socket``, on which nothing was read.
        tls: Twisted's ``TLSMemoryBIOFactory``, where they speak TLS.

    Returns:
        A :class:`Listener`, whose ``stop()`` is for before the socket is closed.
    """
    cdef Listener listener = Listener.__new__(Listener)
    listener._group = group
    listener._owner = owner
    listener._accepted = accepted
    listener._tls = tls
    group._enter(listener, owner.fileno())
    group._watch(listener, EPOLLIN)
    return listener


cdef class Listener(Member):
    """A listening socket, which somebody else owns."""

    cdef object _owner
    cdef object _accepted
    cdef object _tls
    cdef object _call

    def stop(self):
        """Accept no more; fine a second time."""
        if self._fd < 0:
            return
        if self._call is not None:
            self._call.cancel()
            self._call = None
        try:
            self._group._watch(self, 0)
        except OSError:
            pass  # It was closed already.
        self._group._leave(self)
        self._fd = -1
        self._owner = None

    cdef int _serve(self, uint32_t events) except -1:
        cdef int fd, one = 1, turn
        cdef sockaddr_storage address
        cdef socklen_t size
        for turn in range(ACCEPTS):
            if self._fd < 0:
                return 0
            size = sizeof(address)
            fd = accept4(self._fd, <sockaddr *>&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd < 0:
                if errno in (EMFILE, ENFILE, ENOBUFS, ENOMEM):
                    self._rest(errno)
                if errno in (EINTR, ECONNABORTED, EPROTO, EPERM):
                    continue
                return 0
            if address.ss_family != AF_UNIX:
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
            self._welcome(fd)
        return 0

    cdef int _welcome(self, int fd) except -1:
        """Hand a new connection on; whatever goes wrong with it is its own end."""
        cdef Socket made
        try:
            if self._tls is None:
                made = socket_of(self._group, fd)
            else:
                made = tls_socket_of(self._group, fd, self._tls)
        except Exception:
            close(fd)
            _log.failure("a connection could not be accepted")
            return 0
        try:
            self._accepted(made)
        except Exception:
            _log.failure("a connection could not be begun")
            made._broken(Failure(ConnectionLost()))
        return 0

    cdef int _rest(self, int why) except -1:
        """There is no room: a listening socket would stay ready, and keep the loop busy."""
        _log.warn(
            "cannot accept connections for a moment: {why}", why=strerror(why).decode()
        )
        self._group._watch(self, 0)
        self._call = self._group.reactor.callLater(NO_ROOM, self._go_on)
        return 0

    def _go_on(self):
        self._call = None
        self._group._watch(self, EPOLLIN)

    cdef void _broken(self, reason):
        owner = self._owner
        try:
            self.stop()
            owner.connectionLost(reason)
        except Exception:
            _log.failure("a port could not be closed")
