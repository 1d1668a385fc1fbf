"""One connection of the poll group: a Twisted transport, and the outlet of a stream transport.

What is written is tried at once; only what the kernel does not take is queued, and only then the
group watches for room. A WebSocket's frames are read where the kernel has put them.
"""

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.errors import RemoteProtocolError

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.string cimport memcpy, memset, strerror

from sennit.engine._frame cimport HEAD_LIMIT, write_head
from sennit.engine._reader cimport Reader, feed_pointer, keep
from sennit.net._address cimport describe_address, own_address, peer_address
from sennit.net._group cimport (
    BUFFER,
    EPOLLERR,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    OUT,
    SHUT_RDWR,
    SHUT_WR,
    SO_LINGER,
    SOL_SOCKET,
    Group,
    Member,
    close,
    iovec,
    linger,
    msghdr,
    recv,
    send,
    sendmsg,
    setsockopt,
    shutdown,
)

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

_log = Logger(namespace="sennit.net")

_done = ConnectionDone()
_failure = Failure(_done)

cdef enum:
    BURST = 262144
    LARGE = 16384


def adopt(Group group, int fd):
    """Take over a connected, non-blocking socket, as its new owner."""
    return socket_of(group, fd)


cdef Socket socket_of(Group group, int fd):
    """The same, for C."""
    cdef Socket made = Socket.__new__(Socket)
    made._enroll(group, fd)
    return made


cdef class Socket(Member):
    """One connection: a Twisted transport, and the outlet of a stream transport.

    Attributes:
        protocol: whom it notifies; set it before the loop goes on.
        disconnecting: whether it is to be closed when all is written.
        muted: whether a broadcast passes it over.
        masking: whether its frames are a client's.
    """

    # -- a transport of Twisted ------------------------------------------------------------------

    @property
    def connected(self):
        """Whether it is not gone."""
        return self._fd >= 0

    def getPeer(self):
        """Return the address of the other end; once it was asked for, it is known for ever."""
        if self._peer is None:
            self._peer = peer_address(self._fd)
        return self._peer

    @property
    def secure(self):
        """Whether TLS protects it."""
        return False

    def describe_peer(self):
        """Return the same as text, as ``sennit.net.peer.describe_address`` does."""
        return describe_address(self._fd)

    def getHost(self):
        """Return the address of this end."""
        return own_address(self._fd)

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
        if not self._queued and not self._ending:
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
        """Send one message, without compression, in a frame of its own.

        Args:
            message: ``str``, or bytes of any kind.
            text: whether bytes are text, or text is (``False``) binary; ``None`` for as it is.

        Returns:
            Whether it was taken: not if the connection is closing, or what is queued is full.
        """
        cdef const char *start
        cdef Py_ssize_t size
        cdef bint is_text
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
        if self._finished or self._half or self._aborting or self.disconnecting:
            return False
        self._send_frame(1 if is_text else 2, start, size)
        return True

    cdef int _send_frame(self, int opcode, const char *start, Py_ssize_t size) except -1:
        cdef char head[HEAD_LIMIT]
        cdef int length = write_head(<unsigned char *>head, opcode, size, True, 0, NULL)
        if size >= LARGE and self._cork is None:
            self._put_large(head, length, start, size)
        elif self.delivering:
            self._gather(head, length, start, size, None)
        else:
            self.write(joined(head, length, start, size))
        return 0

    # -- what both are made of -------------------------------------------------------------------

    cdef int _enroll(self, Group group, int fd) except -1:
        self._group = group
        self._reading = True
        group._enter(self, fd)
        try:
            self._update()
        except OSError:
            group._leave(self)
            self._fd = -1
            raise
        return 0

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
        cdef list owed = self._owed
        self._owed = None
        self._debt = 0
        if owed is None:
            return 0
        return self._put(owed[0] if len(owed) == 1 else b"".join(owed))

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
            if self._owner is not None and not self._finished:
                self._owner.drained()
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
        if self._host is not None:
            if size >= 0 or (errno != EAGAIN and errno != EINTR):
                self._host._arrived(self, max(size, 0))
        elif size > 0 and self._reader is not None:
            self._take(self._group._buffer, size)
        elif size > 0:
            self.protocol.dataReceived(
                PyBytes_FromStringAndSize(<char *>self._group._buffer, size)
            )
        elif size == 0:
            self._end()
        elif errno != EAGAIN and errno != EINTR:
            self._lose(ConnectionLost(strerror(errno).decode()))
        return 0

    cdef int _take(self, const unsigned char *start, Py_ssize_t size) except -1:
        """Bring the messages that were read to whom they are for."""
        cdef Reader reader = self._reader
        cdef object stream = self._stream, received = self._received
        self._reads += 1
        if self._over:
            return 0
        self.delivering = True
        feed_pointer(reader, start, size)
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

    cdef int _end(self) except -1:
        """The peer sends no more."""
        self._ended = True
        if not IHalfCloseableProtocol.providedBy(self.protocol):
            self._lose(_done)
            return 0
        self._ending = True
        try:
            self.protocol.readConnectionLost()
        finally:
            self._ending = False
        if self.disconnecting and not self._queued:
            self._close()
        else:
            self._update()
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
        self._debt = 0
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
            self._lose(_done)

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
        host, self._host = self._host, None
        protocol, self.protocol = self.protocol, None
        try:
            if host is not None:
                (<Member>host)._arrived(self, -1)
            if protocol is not None:
                protocol.connectionLost(_failure if why is _done else Failure(why))
        except Exception:
            _log.failure("a connection's end failed")
        # They know the socket too: nothing should have to look for the circle.
        self._stream = self._received = self._owner = None
