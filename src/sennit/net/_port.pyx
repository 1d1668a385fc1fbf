"""Accepting connections for the poll group, on a port of Twisted's."""

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure

from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE
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

from sennit.engine._plain cimport PlainRequest, plain_at
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
    now,
    setsockopt,
    sockaddr,
    sockaddr_storage,
    socklen_t,
)
from sennit.net._socket cimport Socket, socket_of
from sennit.net._tls cimport tls_socket_of

_log = Logger(namespace="sennit.net")
_FAILURE = Failure(ConnectionDone())

cdef enum:
    ACCEPTS = 64

cdef double NO_ROOM = 1.0
"""Seconds without accepting, when the process or the machine is out of descriptors."""


def listen(Group group, owner, door, tls=None):
    """Accept connections on a listening port, which stays the owner of its socket.

    A handshake that comes in one piece, as nearly all do, is taken to the door as soon as it is
    there; until then its connection has no object but its ``Socket``. Everything else gets what the
    door makes for a newcomer, with what has come so far.

    Args:
        group: what the connections belong to.
        owner: the port of Twisted's; the reactor keeps it alive no more, so the group does.
        door: its ``is_open()`` says whether plain handshakes may be waited for, and taken to its
            ``open_plainly(socket, request)``; its ``newcomer(socket, data, left)`` gets any other
            connection, with the seconds that are left for its head. It has ``limits``, in which
            those who wait are counted, and ``settings``.
        tls: Twisted's ``TLSMemoryBIOFactory``, where they speak TLS.

    Returns:
        A :class:`Listener`, whose ``stop()`` is for before the socket is closed.
    """
    cdef Listener listener = Listener.__new__(Listener)
    listener._group = group
    listener._owner = owner
    listener._door = door
    listener._limits = door.limits
    listener._head_limit = door.settings.max_head
    listener._head_timeout = door.settings.head_timeout
    listener._waiting = {}
    listener._tls = tls
    group._enter(listener, owner.fileno())
    group._watch(listener, EPOLLIN)
    return listener


cdef class Listener(Member):
    """A listening socket, which somebody else owns, and those who came and have said nothing."""

    cdef object _owner
    cdef object _door
    cdef object _limits
    cdef Py_ssize_t _head_limit
    cdef double _head_timeout
    cdef dict _waiting
    cdef object _timer
    cdef object _tls
    cdef object _call

    def stop(self):
        """Accept no more; fine a second time."""
        if self._fd < 0:
            return
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self._group._watch(self, 0)
        except OSError:
            pass  # It was closed already.
        self._group._leave(self)
        self._fd = -1
        self._owner = None
        self.hand_over()

    def hand_over(self):
        """Leave those who have said nothing to the door."""
        cdef Socket socket
        for socket in list(self._waiting):
            self._introduce(socket, b"", self._admit(socket))

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
            if self._door.is_open():
                self._wait(made)
                made._read()  # Often it is there already.
            else:
                self._door.newcomer(made, b"", self._head_timeout)
        except Exception:
            _log.failure("a connection could not be begun")
            made._broken(Failure(ConnectionLost()))
        return 0

    # -- those who came --------------------------------------------------------------------------

    cdef int _wait(self, Socket socket) except -1:
        """Wait for somebody's head."""
        self._waiting[socket] = now() + self._head_timeout
        self._limits.handshakes += 1
        socket._host = self
        if self._timer is None:
            self._timer = self._group.reactor.callLater(self._head_timeout, self._look)
        return 0

    cdef double _admit(self, Socket socket) except -1:
        """Wait no more, and return the seconds that were left."""
        cdef double left = self._waiting.pop(socket) - now()
        self._limits.handshakes -= 1
        socket._host = None
        return max(left, 0.0)

    cdef int _introduce(self, Socket socket, bytes data, double left) except -1:
        try:
            self._door.newcomer(socket, data, left)
        except Exception:
            _log.failure("a connection could not be begun")
            socket._broken(Failure(ConnectionLost()))
        return 0

    cdef int _arrived(self, Member guest, Py_ssize_t size) except -1:
        """Look at what somebody says first."""
        cdef Socket socket = <Socket>guest
        cdef const unsigned char *start = self._group._buffer
        cdef PlainRequest request = None
        cdef Py_ssize_t length
        cdef double left = self._admit(socket)
        if size <= 0:
            if size == 0:
                socket._broken(_FAILURE)
            return 0
        if self._door.is_open():
            request = plain_at(start, size, self._head_limit)
        if request is None:
            data = PyBytes_FromStringAndSize(<const char *>start, size)
            return self._introduce(socket, data, left)
        length = PyBytes_GET_SIZE(request.head)
        if not self._door.open_plainly(socket, request):
            data = PyBytes_FromStringAndSize(<const char *>start, size)
            return self._introduce(socket, data, left)
        if size > length and socket._fd >= 0:
            if socket._engine is not None:
                socket._take(start + length, size - length)
            else:
                socket.protocol.dataReceived(
                    PyBytes_FromStringAndSize(<const char *>start + length, size - length)
                )
        return 0

    def _look(self):
        """See whose time is over; those who came first are first."""
        cdef Socket socket
        cdef double moment = now()
        self._timer = None
        while self._waiting:
            socket, until = next(iter(self._waiting.items()))
            if until > moment:
                self._timer = self._group.reactor.callLater(until - moment, self._look)
                break
            self._introduce(socket, b"", self._admit(socket))

    # -- when there is no room -------------------------------------------------------------------

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
