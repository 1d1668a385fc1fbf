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

from twisted.internet.error import ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure

from libc.errno cimport errno
from libc.stdlib cimport free, malloc
from libc.string cimport strerror

_log = Logger(namespace="sennit.net")

cdef enum:
    BATCH = 64

cdef double TURN = 0.005
"""Seconds after which the reactor has its turn again; what is ready stays ready."""


cdef double now() noexcept nogil:
    """Return seconds of the monotonic clock."""
    cdef timespec moment
    clock_gettime(CLOCK_MONOTONIC, &moment)
    return moment.tv_sec + moment.tv_nsec * 1e-9


cdef class Member:
    """What the group waits for."""

    def __cinit__(self):
        self._fd = -1

    def fileno(self):
        """Return the descriptor, -1 when it is gone."""
        return self._fd

    cdef int _serve(self, uint32_t events) except -1:
        """Do what is ready."""
        return 0

    cdef int _settle(self) except -1:
        """Send what a broadcast has left, before anything else is written."""
        return 0

    cdef void _broken(self, reason):
        """End, for this reason."""

    cdef int _arrived(self, Member guest, Py_ssize_t size) except -1:
        """Take what a guest has read into the group's buffer; 0 for its end, -1 if it is gone."""
        return 0


cdef class Group:
    """Sockets and listening sockets that share one place in a reactor. An ``IReadDescriptor``.

    Args:
        reactor: one that takes descriptors (``IReactorFDSet``).

    Attributes:
        turn: seconds after which the reactor has its turn again.
    """

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
        self._members = []
        self._debtors = []
        self._registered = False

    def __dealloc__(self):
        free(self._buffer)
        free(self._out)
        free(self._wire)
        free(self._events)
        if self._epoll >= 0:
            close(self._epoll)

    def __len__(self):
        """How many sockets and listening sockets there are."""
        return self._count

    cdef unsigned char *wire(self) except NULL:
        """Return the buffer for records of TLS; there is none before somebody needs it."""
        if self._wire is NULL:
            self._wire = <unsigned char *>malloc(WIRE)
            if self._wire is NULL:
                raise MemoryError
        return self._wire

    cdef int _enter(self, Member member, int fd) except -1:
        self._generation += 1
        member._fd = fd
        member._generation = self._generation
        if fd >= len(self._members):
            self._members.extend([None] * (fd + 64 - len(self._members)))
        self._members[fd] = member
        self._count += 1
        if not self._registered:
            self._registered = True
            self.reactor.addReader(self)
        return 0

    cdef void _leave(self, Member member):
        # A closed descriptor leaves the epoll by itself: none of ours has a second number.
        if 0 <= member._fd < len(self._members) and self._members[member._fd] is member:
            self._members[member._fd] = None
            self._count -= 1
        if not self._count and self._registered:
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

    cdef int _owe(self, Member member, bytes frame) except -1:
        """Leave a frame of a broadcast for the next turn."""
        member._debt += len(frame)
        if member._owed is not None:
            if isinstance(member._owed, bytes):
                member._owed = [member._owed]
            (<list>member._owed).append(frame)
            return 0
        member._owed = frame
        if not self._debtors:
            self.reactor.callLater(0, self._pay)
        self._debtors.append(member)
        return 0

    def _pay(self):
        """Send what broadcasts have left, for a while, those first that wait longest."""
        cdef list debtors = self._debtors
        cdef Py_ssize_t index = 0, count = len(debtors)
        cdef double began = now()
        self._debtors = []
        while index < count:
            (<Member>debtors[index])._settle()
            index += 1
            if index % BATCH == 0 and now() - began > self.turn:
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
        cdef int count
        with nogil:
            count = epoll_wait(self._epoll, self._events, EVENTS, 0)
        return self._serve_events(count)

    cdef int _serve_events(self, int count) except -1:
        """Serve the sockets of so many events, for a while."""
        cdef int index, fd
        cdef Member member
        cdef uint64_t data
        cdef double began = now()
        for index in range(count):
            data = self._events[index].data.u64
            fd = <int>(data & 0xFFFFFFFF)
            member = <Member>self._members[fd] if fd < len(self._members) else None
            if member is None or member._generation != <uint32_t>(data >> 32):
                continue
            try:
                member._serve(self._events[index].events)
            except Exception:
                _log.failure("a connection could not be served")
                member._broken(Failure(ConnectionLost()))
            if now() - began > self.turn:
                break
        return 0

    def connectionLost(self, reason):
        """The reactor lets go of the group: so do we of the sockets."""
        self._registered = False
        for member in list(self._members):
            if member is not None:
                (<Member>member)._broken(reason)
