"""The poll group as the poller of a reactor: one wait for its sockets and for everything else."""

from libc.errno cimport EINTR, errno
from libc.math cimport ceil
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport strerror

from sennit.net._group cimport (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EVENTS,
    Group,
    Member,
    epoll_ctl,
    epoll_event,
    epoll_wait,
)

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef enum:
    FEW = 64

cdef double LONGEST = 1e6
"""Seconds that are waited for at most."""


cdef class Poller(Group):
    """A group that a reactor has in the place of its ``select.epoll``, whose methods it has.

    What the reactor registers is the reactor's, and comes back from :meth:`poll`; the group's own
    sockets have a generation in their events, and are served within it.

    Args:
        reactor: whose it is.
    """

    def __init__(self, reactor):
        Group.__init__(self, reactor)
        self._registered = True

    cdef void _leave(self, Member member):
        self._registered = False
        Group._leave(self, member)
        self._registered = True

    # -- what select.epoll has -------------------------------------------------------------------

    def register(self, int fd, uint32_t events):
        """Watch a descriptor of the reactor's."""
        self._control(EPOLL_CTL_ADD, fd, events)

    def modify(self, int fd, uint32_t events):
        """Watch it for something else."""
        self._control(EPOLL_CTL_MOD, fd, events)

    def unregister(self, int fd):
        """Watch it no more."""
        self._control(EPOLL_CTL_DEL, fd, 0)

    cdef int _control(self, int how, int fd, uint32_t events) except -1:
        cdef epoll_event event
        event.events = events
        event.data.u64 = <uint64_t><uint32_t>fd
        if epoll_ctl(self._epoll, how, fd, &event) < 0:
            raise OSError(errno, strerror(errno).decode())
        return 0

    def poll(self, double timeout):
        """Wait, serve the group's sockets for a while, and return what else is ready.

        Args:
            timeout: seconds; as long as it takes if it is negative.

        Returns:
            Descriptors of the reactor's, each with its events.
        """
        cdef epoll_event few[FEW]
        cdef epoll_event *events = &few[0]
        cdef int most = FEW
        cdef int wait = -1 if timeout < 0 else <int>ceil(min(timeout, LONGEST) * 1000)
        cdef int count, index
        cdef list others = []
        if not self._serving:
            events, most = self._events, EVENTS
        with nogil:
            count = epoll_wait(self._epoll, events, most, wait)
        if count < 0:
            if errno != EINTR:
                raise OSError(errno, strerror(errno).decode())
            PyErr_CheckSignals()
            return others
        # These first, so that the group's share of the turn takes nothing from them.
        for index in range(count):
            if not events[index].data.u64 >> 32:
                others.append((<int>events[index].data.u64, events[index].events))
        if self._serving or len(others) == count:
            return others  # A callback runs the reactor, or there is nothing of the group's.
        self._serving = True
        try:
            self._serve_events(count)
        finally:
            self._serving = False
        return others
