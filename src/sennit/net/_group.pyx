# cython: language_level=3, boundscheck=False, wraparound=False
"""The poll group: many sockets behind one descriptor, so that they cost the reactor one dispatch.

An epoll descriptor can itself be polled. The group owns one, is registered with whatever reactor
runs as a single reader, and when it is ready takes the list of its sockets that are. A socket here
is a Twisted transport to its protocol, and an outlet (``sennit.net.outlet``) to a stream transport:
what is written is tried at once, and only what the kernel does not take is queued.

Two rules keep it right. An event is for one socket, not for one number: descriptors are reused at
once, so each socket has a generation, and events of another one are dropped. And a callback may do
anything: every loop here looks again at what is there after each.
"""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.errors import RemoteProtocolError

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport (
    EAGAIN,
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
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset, strerror

from sennit.engine._reader cimport Reader, feed_pointer, keep

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef extern from "sys/epoll.h" nogil:
    enum: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP
    enum: EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int maxevents, int timeout)

cdef extern from "sys/socket.h" nogil:
    enum: AF_INET, AF_INET6, AF_UNIX
    enum: SOCK_NONBLOCK, SOCK_CLOEXEC, SOL_SOCKET, SO_LINGER, SHUT_WR, SHUT_RDWR
    enum: MSG_NOSIGNAL, MSG_DONTWAIT
    ctypedef unsigned int socklen_t
    struct sockaddr:
        unsigned short sa_family
    struct sockaddr_storage:
        unsigned short ss_family
    struct linger:
        int l_onoff
        int l_linger
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    ssize_t sendmsg(int fd, const msghdr *message, int flags)
    int accept4(int fd, sockaddr *address, socklen_t *size, int flags)
    ssize_t recv(int fd, void *buffer, size_t size, int flags)
    ssize_t send(int fd, const void *buffer, size_t size, int flags)
    int shutdown(int fd, int how)
    int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
    int getpeername(int fd, sockaddr *address, socklen_t *size)
    int getsockname(int fd, sockaddr *address, socklen_t *size)

cdef extern from "netinet/in.h" nogil:
    enum: IPPROTO_TCP, INET6_ADDRSTRLEN
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        unsigned short sin6_port
        uint32_t sin6_flowinfo
        in6_addr sin6_addr
        uint32_t sin6_scope_id
    unsigned short ntohs(unsigned short value)
    uint32_t ntohl(uint32_t value)

cdef extern from "netinet/tcp.h" nogil:
    enum: TCP_NODELAY

cdef extern from "sys/un.h" nogil:
    struct sockaddr_un:
        char *sun_path

cdef extern from "arpa/inet.h" nogil:
    const char *inet_ntop(int family, const void *source, char *target, socklen_t size)

cdef extern from "time.h" nogil:
    enum: CLOCK_MONOTONIC
    ctypedef long time_t
    struct timespec:
        time_t tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *result)

cdef extern from "unistd.h" nogil:
    int close(int fd)

_log = Logger(namespace="sennit.net")

cdef enum:
    EVENTS = 256
    BUFFER = 131072
    OUT = 65536
    ACCEPTS = 64
    BATCH = 64
    LARGE = 16384
    BURST = 262144

cdef double TURN = 0.005
"""Seconds after which the reactor has its turn again; what is ready stays ready."""

cdef double NO_ROOM = 1.0
"""Seconds without accepting, when the process or the machine is out of descriptors."""


cdef double _now() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef class Group:
    """Sockets and listening sockets that share one place in a reactor. An ``IReadDescriptor``.

    Args:
        reactor: one that takes descriptors (``IReactorFDSet``).

    Attributes:
        turn: seconds after which the reactor has its turn again.
    """

    cdef readonly object reactor
    cdef public double turn
    cdef list _debtors
    cdef int _epoll
    cdef dict _members
    cdef uint32_t _generation
    cdef bint _registered
    cdef bint _serving
    cdef unsigned char *_buffer
    cdef char *_out
    cdef epoll_event *_events
    cdef object __weakref__

    def __cinit__(self, reactor):
        self._epoll = -1
        self._buffer = <unsigned char *>malloc(BUFFER)
        self._out = <char *>malloc(OUT)
        self._events = <epoll_event *>malloc(EVENTS * sizeof(epoll_event))
        if self._buffer is NULL or self._out is NULL or self._events is NULL:
            raise MemoryError
        self._epoll = epoll_create1(EPOLL_CLOEXEC)
        if self._epoll < 0:
            raise OSError(errno, strerror(errno).decode())

    def __init__(self, reactor):
        self.reactor = reactor
        self.turn = TURN
        self._members = {}
        self._debtors = []
        self._registered = False

    def __dealloc__(self):
        free(self._buffer)
        free(self._out)
        free(self._events)
        if self._epoll >= 0:
            close(self._epoll)

    def __len__(self):
        """How many sockets and listening sockets there are."""
        return len(self._members)

    def listen(self, owner, accepted):
        """Accept connections on a listening port, which stays the owner of its socket.

        Args:
            owner: the port of Twisted's; the reactor keeps it alive no more, so the group does.
            accepted: called with each new :class:`Socket`, on which nothing was read.

        Returns:
            A :class:`Listener`, whose ``stop()`` is for before the socket is closed.
        """
        cdef Listener listener = Listener.__new__(Listener)
        listener._group = self
        listener._owner = owner
        listener._accepted = accepted
        self._enter(listener, owner.fileno())
        self._watch(listener, EPOLLIN)
        return listener

    def adopt(self, int fd):
        """Take over a connected, non-blocking socket, as its new owner."""
        return self._socket(fd)

    cdef Socket _socket(self, int fd):
        cdef Socket made = Socket.__new__(Socket)
        made._group = self
        made._reading = True
        self._enter(made, fd)
        try:
            made._update()
        except OSError:
            self._leave(made)
            made._fd = -1
            raise
        return made

    cdef int _enter(self, Member member, int fd) except -1:
        self._generation += 1
        member._fd = fd
        member._generation = self._generation
        self._members[fd] = member
        if not self._registered:
            self._registered = True
            self.reactor.addReader(self)
        return 0

    cdef void _leave(self, Member member):
        # A closed descriptor leaves the epoll by itself: none of ours has a second number.
        self._members.pop(member._fd, None)
        if not self._members and self._registered:
            self._registered = False
            self.reactor.removeReader(self)

    cdef int _watch(self, Member member, uint32_t events) except -1:
        cdef epoll_event event
        cdef int how
        if events == member._events:
            return 0
        how = EPOLL_CTL_MOD if member._events and events else (
            EPOLL_CTL_ADD if events else EPOLL_CTL_DEL
        )
        event.events = events
        event.data.u64 = (<uint64_t>member._generation << 32) | <uint64_t><uint32_t>member._fd
        if epoll_ctl(self._epoll, how, member._fd, &event) < 0:
            raise OSError(errno, strerror(errno).decode())
        member._events = events
        return 0

    cdef int _owe(self, Socket socket, bytes frame) except -1:
        """Leave a frame of a broadcast for the next turn."""
        socket._owed = frame
        if not self._debtors:
            self.reactor.callLater(0, self._pay)
        self._debtors.append(socket)
        return 0

    def _pay(self):
        """Send what broadcasts have left, for a while, those first that wait longest."""
        cdef list debtors = self._debtors
        cdef Py_ssize_t index = 0, count = len(debtors)
        cdef double began = _now()
        self._debtors = []
        while index < count:
            (<Socket>debtors[index])._settle()
            index += 1
            if index % BATCH == 0 and _now() - began > self.turn:
                break
        if index < count:
            if not self._debtors:
                self.reactor.callLater(0, self._pay)
            self._debtors = debtors[index:] + self._debtors

    # -- the reactor's side ----------------------------------------------------------------------

    def fileno(self):
        """Return the descriptor that is ready when a socket is."""
        return self._epoll

    def logPrefix(self):
        """Return whose work this is."""
        return "sennit"

    def doRead(self):
        """Serve the sockets that are ready, for a while; what is left is ready again at once."""
        if self._serving:
            return  # A callback runs the reactor: what it was called with is in our buffer.
        self._serving = True
        try:
            self._serve_ready()
        finally:
            self._serving = False

    cdef int _serve_ready(self) except -1:
        cdef int count, index
        cdef Member member
        cdef uint64_t data
        cdef double began = _now()
        with nogil:
            count = epoll_wait(self._epoll, self._events, EVENTS, 0)
        for index in range(count):
            data = self._events[index].data.u64
            member = self._members.get(<int>(data & 0xFFFFFFFF))
            if member is None or member._generation != <uint32_t>(data >> 32):
                continue
            try:
                member._serve(self._events[index].events)
            except Exception:
                _log.failure("a connection could not be served")
                member._broken(Failure(ConnectionLost()))
            if _now() - began > self.turn:
                break
        return 0

    def connectionLost(self, reason):
        """The reactor lets go of the group: so do we of the sockets."""
        self._registered = False
        for member in list(self._members.values()):
            (<Member>member)._broken(reason)


cdef class Member:
    """What the group waits for."""

    cdef Group _group
    cdef int _fd
    cdef uint32_t _generation
    cdef uint32_t _events

    def __cinit__(self):
        self._fd = -1

    def fileno(self):
        """Return the descriptor, -1 when it is gone."""
        return self._fd

    cdef int _serve(self, uint32_t events) except -1:
        return 0

    cdef void _broken(self, reason):
        pass


cdef class Listener(Member):
    """A listening socket, which somebody else owns."""

    cdef object _owner
    cdef object _accepted
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
            made = self._group._socket(fd)
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


cdef class Socket(Member):
    """One connection: a Twisted transport, and the outlet of a stream transport.

    Attributes:
        protocol: whom it notifies; set it before the loop goes on.
        disconnecting: whether it is to be closed when all is written.
        muted: whether a broadcast passes it over.
    """

    cdef public object protocol
    cdef public bint muted
    cdef readonly bint disconnecting
    cdef bint _reading
    cdef bint _ended
    cdef bint _finished
    cdef bint _half
    cdef bint _shut
    cdef bint _aborting
    cdef bint _full
    cdef list _queue
    cdef Py_ssize_t _first
    cdef Py_ssize_t _offset
    cdef Py_ssize_t _queued
    cdef uint64_t _sent
    cdef list _cork
    cdef Py_ssize_t _corked
    cdef Py_ssize_t _bound
    cdef Py_ssize_t _low
    cdef object _drained
    cdef uint64_t _reads
    cdef object _stream
    cdef object _received
    cdef Reader _reader
    cdef bint _pieces
    cdef bint _over
    cdef Py_ssize_t _gathered
    cdef bytes _owed
    cdef object _peer
    cdef readonly bint delivering

    # -- a transport of Twisted ------------------------------------------------------------------

    @property
    def connected(self):
        """Whether it is not gone."""
        return self._fd >= 0

    def getPeer(self):
        """Return the address of the other end; once it was asked for, it is known for ever."""
        cdef sockaddr_storage address
        cdef socklen_t size = sizeof(address)
        if self._peer is None:
            memset(&address, 0, sizeof(address))
            if self._fd >= 0:
                getpeername(self._fd, <sockaddr *>&address, &size)
            self._peer = _address(&address, size)
        return self._peer

    def getHost(self):
        """Return the address of this end."""
        cdef sockaddr_storage address
        cdef socklen_t size = sizeof(address)
        memset(&address, 0, sizeof(address))
        if self._fd >= 0:
            getsockname(self._fd, <sockaddr *>&address, &size)
        return _address(&address, size)

    def setTcpNoDelay(self, enabled):
        """It is so from the beginning."""

    def writeSequence(self, parts):
        """Write several pieces."""
        self.write(b"".join(parts))

    def pauseProducing(self):
        """Read no more, for now."""
        self._reading = False
        self._update()

    def resumeProducing(self):
        """Read again."""
        if not self.disconnecting:
            self._reading = True
            self._update()

    def loseConnection(self):
        """Send what is there, then close both halves."""
        if self._fd < 0 or self.disconnecting:
            return
        self.disconnecting = True
        self._reading = False
        self._flush_cork()
        self._cork = None
        self._update()
        if not self._queued:
            self._group.reactor.callLater(0, self._close)

    def loseWriteConnection(self):
        """Send what is there, then close our half."""
        if self._fd < 0 or self._half or self.disconnecting:
            return
        self._half = True
        self._flush_cork()
        self._cork = None
        if not self._queued:
            self._shut_half()

    def abortConnection(self):
        """Cut the connection off: the peer is reset."""
        if self._fd < 0 or self._aborting:
            return
        self._aborting = True
        self._reading = False
        self._forget()
        self._update()
        self._group.reactor.callLater(0, self._abort)

    def detach(self):
        """Give the descriptor away: it is the caller's from now on. Nothing must be queued."""
        cdef int fd = self._fd
        self._reading = False
        self._update()
        self._group._leave(self)
        self._fd = -1
        self.protocol = None
        return fd

    # -- an outlet -------------------------------------------------------------------------------

    def outlet(self, Py_ssize_t bound, drained, Py_ssize_t low):
        """Become an outlet with these marks; see :class:`sennit.net.outlet.Outlet`."""
        self._bound = bound
        self._low = min(low, bound - 1)
        self._drained = drained
        return self

    @property
    def full(self):
        """Whether what is queued has reached the bound, and not come down to the mark since."""
        return self._is_full()

    @property
    def buffered(self):
        """Bytes taken of which the operating system has none yet."""
        return self._queued + self._corked + self._gathered

    @property
    def progress(self):
        """Something that changes whenever the peer sends, or the system takes what is queued."""
        return self._sent, self._queued > 0, self._reads

    def write(self, bytes data not None):
        """Write, whatever is queued; after :meth:`finish` or :meth:`abort` it does nothing."""
        if self._finished or self._half or self._fd < 0 or self._aborting or self.disconnecting:
            return
        if self.delivering:
            self._gather(b"", 0, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), data)
            return
        if self._cork is None:
            self._put(data)
            return
        self._cork.append(data)
        self._corked += PyBytes_GET_SIZE(data)
        if self._corked >= (self._bound or 65536):
            self._flush_cork()

    def cork(self):
        """Gather what is written, until :meth:`uncork` or more than the bound is there."""
        if not self.delivering:
            self._cork = []

    def uncork(self):
        """Send what was gathered, in one write."""
        self._flush_cork()
        self._cork = None

    def finish(self, bint linger):
        """Send what is there, then close: our half only with ``linger``."""
        if self._finished:
            return
        self._finished = self.muted = True
        if linger:
            self.loseWriteConnection()
        else:
            self.loseConnection()

    def close(self):
        """Close both halves, after a :meth:`finish` that lingers or without one."""
        self._finished = self.muted = True
        self.loseConnection()

    def abort(self):
        """Cut the connection off."""
        self._finished = self.muted = True
        self.abortConnection()

    def lost(self):
        """Note that the connection is gone."""
        self._finished = self.muted = True
        self._forget()

    # -- a WebSocket -----------------------------------------------------------------------------

    def read_messages(self, stream, Reader reader not None, received, bint pieces):
        """Read frames from here on, without an object for what they come in.

        Args:
            stream: its ``item_received(opcode, payload, final)`` gets everything that is not a
                whole message, and returns whether there may be more; its ``failed(error)`` what
                breaks the protocol, and ``handler_failed()`` is called in an exception's handling.
            reader: the connection's.
            received: called with each whole message and whether it is text.
            pieces: whether messages come in pieces, and so to the stream.
        """
        self._stream = stream
        self._reader = reader
        self._received = received
        self._pieces = pieces

    def send_message(self, message, text):
        """Send one message of a server, without compression, in a frame of its own.

        Args:
            message: ``str``, or bytes of any kind.
            text: whether bytes are text, or text is (``False``) binary; ``None`` for as it is.

        Returns:
            Whether it was taken: not if the connection is closing, or what is queued is full.
        """
        cdef const char *start
        cdef Py_ssize_t size, length
        cdef bint is_text
        cdef char head[10]
        if self.muted or self._fd < 0 or self._is_full():
            return False
        if isinstance(message, str):
            start = PyUnicode_AsUTF8AndSize(message, &size)
            is_text = text is not False
        else:
            if not isinstance(message, bytes):
                message = bytes(message)
            start = PyBytes_AS_STRING(<bytes>message)
            size = PyBytes_GET_SIZE(message)
            is_text = bool(text)
        length = _head(head, 0x81 if is_text else 0x82, size)
        if self._finished or self._half or self._aborting or self.disconnecting:
            return False
        if size >= LARGE and self._cork is None:
            self._put_large(head, length, start, size)
        elif self.delivering:
            self._gather(head, length, start, size, None)
        else:
            self.write(_joined(head, length, start, size))
        return True

    # -- what both are made of -------------------------------------------------------------------

    cdef int _flush_cork(self) except -1:
        cdef list cork = self._cork
        if self._gathered:
            self._send_gathered()
        if self._owed is not None:
            self._settle()
        if cork:
            self._cork = []
            self._corked = 0
            self._put(cork[0] if len(cork) == 1 else b"".join(cork))
        return 0

    cdef int _put(self, bytes data) except -1:
        cdef const char *start = PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t sent = 0
        if self._owed is not None:
            self._settle()
        if self._fd < 0 or self._shut:
            return 0
        if not self._queued:
            sent = send(self._fd, start, size, MSG_NOSIGNAL | MSG_DONTWAIT)
            if sent == size:
                return 0
            if sent < 0:
                sent = 0
                if errno != EAGAIN and errno != EINTR:
                    self._fail()
                    return 0
        self._keep(data, sent)
        return 0

    cdef int _put_large(
        self, const char *head, Py_ssize_t length, const char *start, Py_ssize_t size
    ) except -1:
        """Send a message that would better not be copied."""
        cdef iovec parts[2]
        cdef msghdr message
        cdef Py_ssize_t sent = 0
        self._flush_cork()
        if self._fd < 0 or self._shut:
            return 0
        if not self._queued:
            parts[0].iov_base, parts[0].iov_len = <void *>head, length
            parts[1].iov_base, parts[1].iov_len = <void *>start, size
            memset(&message, 0, sizeof(message))
            message.msg_iov, message.msg_iovlen = parts, 2
            sent = sendmsg(self._fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT)
            if sent == length + size:
                return 0
            if sent < 0:
                sent = 0
                if errno != EAGAIN and errno != EINTR:
                    return self._fail()
        if sent >= length:
            start, size, length, sent = start + (sent - length), size - (sent - length), 0, 0
        return self._keep(_joined(head, length, start, size), sent)

    cdef int _settle(self) except -1:
        """Send what a broadcast has left, before anything else is written."""
        cdef bytes owed = self._owed
        self._owed = None
        return 0 if owed is None else self._put(owed)

    cdef int _keep(self, bytes data, Py_ssize_t sent) except -1:
        """Queue what the kernel has not taken of some bytes."""
        if self._queue is None:
            self._queue = []
        if not self._queued:
            self._offset = sent
            self._first = 0
            self._queue.clear()
        self._queue.append(data)
        self._queued += PyBytes_GET_SIZE(data) - sent
        self._sent += sent
        if self._bound and self._queued >= self._bound:
            self._full = True
        return self._update()

    cdef int _flush(self) except -1:
        """Send what is queued, as far as it goes."""
        cdef Py_ssize_t sent, size, burst = 0
        cdef bytes data
        while self._queued and burst < BURST:
            data = self._queue[self._first]
            size = PyBytes_GET_SIZE(data) - self._offset
            sent = send(
                self._fd, PyBytes_AS_STRING(data) + self._offset, size, MSG_NOSIGNAL | MSG_DONTWAIT
            )
            if sent < 0:
                if errno == EINTR:
                    continue
                if errno != EAGAIN:
                    self._fail()
                    return 0
                break
            burst += sent
            self._queued -= sent
            self._sent += sent
            if sent < size:
                self._offset += sent
                continue
            self._offset = 0
            self._queue[self._first] = None
            self._first += 1
        if not self._queued:
            self._queue = None
            self._first = 0
            self._update()
            if self._half:
                self._shut_half()
            if self.disconnecting:
                self._close()
                return 0
        elif self._first > 64 and self._first * 2 > len(self._queue):
            del self._queue[: self._first]
            self._first = 0
        if self._queued <= self._low and (self._full or not self._queued):
            self._full = False
            if self._drained is not None and not self._finished:
                self._drained()
        return 0

    cdef int _update(self) except -1:
        """Let the group watch for what is wanted: with nothing wanted, for nothing at all."""
        cdef uint32_t events = 0
        if self._fd < 0:
            return 0
        if not self._aborting:
            if self._reading and not self._ended:
                events |= EPOLLIN
            if self._queued:
                events |= EPOLLOUT
        return self._group._watch(self, events)

    cdef int _serve(self, uint32_t events) except -1:
        if events & (EPOLLOUT | EPOLLERR | EPOLLHUP) and self._queued:
            self._flush()
        if self._fd >= 0 and self._reading and not self._ended and events & (
            EPOLLIN | EPOLLERR | EPOLLHUP
        ):
            self._read()
        return 0

    cdef int _read(self) except -1:
        cdef ssize_t size = recv(self._fd, self._group._buffer, BUFFER, MSG_DONTWAIT)
        if size > 0 and self._reader is not None:
            self._reads += 1
            if not self._over:
                self._take(size)
        elif size > 0:
            self.protocol.dataReceived(
                PyBytes_FromStringAndSize(<char *>self._group._buffer, size)
            )
        elif size == 0:
            self._end()
        elif errno != EAGAIN and errno != EINTR:
            self._lose(ConnectionLost(strerror(errno).decode()))
        return 0

    cdef int _take(self, Py_ssize_t size) except -1:
        """Bring the messages that were read to whom they are for."""
        cdef Reader reader = self._reader
        cdef object stream = self._stream, received = self._received
        self.delivering = True
        feed_pointer(reader, self._group._buffer, size)
        try:
            while not self._over and self._reading and self._fd >= 0 and reader.advance():
                if reader.opcode > 2 or self._pieces:
                    self._over = not stream.item_received(
                        reader.opcode, reader.payload, reader.final
                    )
                elif not self.muted:
                    try:
                        received(reader.payload, reader.opcode == 1)
                    except Exception:
                        stream.handler_failed()
        except RemoteProtocolError as error:
            self._over = True
            stream.failed(error)
        finally:
            keep(reader)
            self._send_gathered()
            self.delivering = False
        return 0

    cdef bint _is_full(self) except -1:
        if self._gathered and self._bound and self._queued + self._gathered >= self._bound:
            self._send_gathered()
        return self._full

    cdef int _gather(
        self,
        const char *head,
        Py_ssize_t length,
        const char *start,
        Py_ssize_t size,
        bytes whole,
    ) except -1:
        """Put bytes with those that are sent together when what was read is delivered."""
        cdef char *out = self._group._out
        if self._gathered + length + size > OUT:
            self._send_gathered()
            if length + size > OUT:
                return self._put(_joined(head, length, start, size) if whole is None else whole)
        memcpy(out + self._gathered, head, length)
        memcpy(out + self._gathered + length, start, size)
        self._gathered += length + size
        return 0

    cdef int _send_gathered(self) except -1:
        cdef Py_ssize_t size = self._gathered
        cdef Py_ssize_t sent = 0
        self._gathered = 0
        if self._owed is not None:
            self._settle()
        if not size or self._fd < 0 or self._shut or self._aborting:
            return 0
        if not self._queued:
            sent = send(self._fd, self._group._out, size, MSG_NOSIGNAL | MSG_DONTWAIT)
            if sent == size:
                return 0
            if sent < 0:
                sent = 0
                if errno != EAGAIN and errno != EINTR:
                    return self._fail()
        return self._keep(PyBytes_FromStringAndSize(self._group._out + sent, size - sent), 0)

    cdef int _end(self) except -1:
        """The peer sends no more."""
        self._ended = True
        self._update()
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self._lose(ConnectionDone())
        return 0

    cdef int _shut_half(self) except -1:
        if not self._shut:
            self._shut = True
            shutdown(self._fd, SHUT_WR)
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self.protocol.writeConnectionLost()
        return 0

    cdef int _fail(self) except -1:
        return self._fail_with(errno)

    cdef int _fail_with(self, int number) except -1:
        """The kernel refuses what is written: the connection is lost, in a turn of its own."""
        cdef object why = ConnectionLost(strerror(number).decode())
        self._forget()
        self._shut = True
        self._update()
        self._group.reactor.callLater(0, self._lose, why)
        return 0

    cdef void _forget(self):
        self._owed = None
        self._queue = None
        self._cork = None
        self._queued = self._corked = self._gathered = 0
        self._full = False

    cdef void _broken(self, reason):
        try:
            self._lose(reason.value)
        except Exception:
            _log.failure("a connection could not be ended")

    def _close(self):
        if self.disconnecting and not self._aborting:
            self._lose(ConnectionDone())

    def _abort(self):
        self._lose(ConnectionAborted())

    def _lose(self, why):
        """Close the descriptor, and tell the protocol; once."""
        cdef linger reset
        cdef int fd = self._fd
        if fd < 0:
            return
        if self._aborting:
            reset.l_onoff, reset.l_linger = 1, 0
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset))
        else:
            shutdown(fd, SHUT_RDWR)
        self._group._leave(self)
        self._fd = -1
        self.muted = True
        close(fd)
        self._forget()
        protocol, self.protocol = self.protocol, None
        try:
            if protocol is not None:
                protocol.connectionLost(Failure(why))
        except Exception:
            _log.failure("a connection's end failed")
        # They know the socket too: nothing should have to look for the circle.
        self._stream = self._received = self._drained = None


cdef Py_ssize_t _head(char *head, int first, Py_ssize_t size) noexcept:
    """Write the head of a frame without a mask (RFC 6455, 5.2), and return its length."""
    cdef Py_ssize_t index
    head[0] = <char>first
    if size < 126:
        head[1] = <char>size
        return 2
    if size < 0x10000:
        head[1] = 126
        head[2] = <char>(size >> 8)
        head[3] = <char>(size & 0xFF)
        return 4
    head[1] = 127
    for index in range(8):
        head[2 + index] = <char>((size >> (8 * (7 - index))) & 0xFF)
    return 10


cdef bytes _joined(const char *head, Py_ssize_t length, const char *start, Py_ssize_t size):
    """Return two pieces of memory as one."""
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, length + size)
    memcpy(PyBytes_AS_STRING(whole), head, length)
    memcpy(PyBytes_AS_STRING(whole) + length, start, size)
    return whole


cdef object _address(sockaddr_storage *address, socklen_t size):
    """Return Twisted's address of one of the kernel's."""
    cdef char text[64]
    cdef sockaddr_in *four = <sockaddr_in *>address
    cdef sockaddr_in6 *six = <sockaddr_in6 *>address
    if address.ss_family == AF_INET:
        inet_ntop(AF_INET, &four.sin_addr, text, sizeof(text))
        return IPv4Address("TCP", text.decode(), ntohs(four.sin_port))
    if address.ss_family == AF_INET6:
        inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text))
        return IPv6Address(
            "TCP",
            text.decode(),
            ntohs(six.sin6_port),
            ntohl(six.sin6_flowinfo),
            six.sin6_scope_id,
        )
    return UNIXAddress(None)


def broadcast(list sockets, bytes frame not None):
    """Give one frame to many sockets, and return the indices of those that refused it.

    Those that are muted take it and send nothing. Nothing in Python runs for a socket that takes it
    whole; the GIL is released while the kernel does its work. What is not done within a turn of the
    group is done in the next one, before anything else is written to the sockets that still wait.
    """
    cdef Py_ssize_t count = len(sockets)
    cdef Py_ssize_t first = 0, last
    cdef double began = _now()
    cdef list refused = []
    while first < count:
        last = min(first + BATCH, count)
        if first and _now() - began > (<Socket>sockets[first])._group.turn:
            _leave(sockets, first, frame, refused)
            break
        _send_batch(sockets, first, last, frame, refused)
        first = last
    return refused


cdef int _leave(list sockets, Py_ssize_t first, bytes frame, list refused) except -1:
    """Leave a frame for the next turn, for all from one on."""
    cdef Py_ssize_t index
    cdef Socket socket
    for index in range(first, len(sockets)):
        socket = <Socket>sockets[index]
        if socket.muted or socket._fd < 0:
            continue
        if socket._owed is not None:
            socket._settle()  # One is left at a time: what is owed has a bound.
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
        elif not socket._shut:
            fds[place] = socket._fd
    with nogil:
        for place in range(last - first):
            if fds[place] >= 0:
                results[place] = send(fds[place], start, size, MSG_NOSIGNAL | MSG_DONTWAIT)
                if results[place] < 0:
                    results[place] = -errno
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
