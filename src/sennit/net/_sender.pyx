"""What is written to a connection of the poll group: tried at once, and queued where it has to be."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.string cimport memcpy, memset

from sennit.net._group cimport (
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    OUT,
    Member,
    iovec,
    msghdr,
    send,
    sendmsg,
)

cdef enum:
    BURST = 262144


cdef class Sender(Member):
    """The sending side of a connection: the outlet of a stream transport.

    Attributes:
        muted: whether a broadcast passes it over.
        disconnecting: whether it is to be closed when all is written.
        delivering: whether what was read is being delivered: what is written meanwhile is sent
            together.
    """

    def outlet(self, owner, Py_ssize_t bound, Py_ssize_t low):
        """Become an outlet with these marks; see :class:`sennit.net.outlet.Outlet`.

        The owner's ``drained()`` is called when what is queued has come down.
        """
        self._bound = bound
        self._low = min(low, bound - 1)
        self._owner = owner
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
        return self._progress, self._queued > 0

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

    # -- how it goes out -------------------------------------------------------------------------

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
        return self._keep(joined(head, length, start, size), sent)

    cdef int _settle(self) except -1:
        """Send what broadcasts have left, before anything else is written."""
        cdef object owed = self._owed
        self._owed = None
        self._debt = 0
        if owed is None:
            return 0
        return self._put(owed if isinstance(owed, bytes) else b"".join(owed))

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
        if sent:
            self._progress += 1
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
            self._progress += 1
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
            if self._owner is not None and not self._finished:
                self._owner.drained()
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
                return self._put(joined(head, length, start, size) if whole is None else whole)
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

    cdef void _forget(self):
        self._owed = None
        self._debt = 0
        self._queue = None
        self._cork = None
        self._queued = self._corked = self._gathered = 0
        self._full = False

    # -- what the other side of it does ----------------------------------------------------------

    cdef int _update(self) except -1:
        """Let the group watch for what is wanted."""
        return 0

    cdef int _shut_half(self) except -1:
        """Close our half."""
        return 0

    cdef int _fail(self) except -1:
        """End the connection: the kernel refuses what is written."""
        return 0

    def _close(self):
        """Close both halves, if that is what is waited for."""
