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
from libc.string cimport strerror

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
    SHUT_RDWR,
    SHUT_WR,
    SO_LINGER,
    SOL_SOCKET,
    Group,
    Member,
    close,
    linger,
    recv,
    setsockopt,
    shutdown,
)
from sennit.net._sender cimport Sender, joined

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

_log = Logger(namespace="sennit.net")

_done = ConnectionDone()
_failure = Failure(_done)

cdef enum:
    LARGE = 16384


def adopt(Group group, int fd):
    """Take over a connected, non-blocking socket, as its new owner."""
    return socket_of(group, fd)


cdef Socket socket_of(Group group, int fd):
    """The same, for C."""
    cdef Socket made = Socket.__new__(Socket)
    made._enroll(group, fd)
    return made


cdef class Socket(Sender):
    """One connection: a Twisted transport, and the outlet of a stream transport.

    Attributes:
        protocol: whom it notifies; set it before the loop goes on.
        disconnecting: whether it is to be closed when all is written.
        muted: whether a broadcast passes it over.
        masking: whether its frames are a client's.
        received: called with each whole message that is read, and whether it is text.
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

    def read_messages(self, stream, Connection connection not None, bint pieces):
        """Read frames from here on, without an object for what they come in.

        Args:
            stream: its ``item_received(opcode, payload, final)`` gets everything that is not a
                whole message, and returns whether there may be more; its ``failed(error)`` what
                breaks the protocol, and ``handler_failed()`` is called in an exception's handling.
            connection: the engine's.
            pieces: whether messages come in pieces, and so to the stream.
        """
        self._owner = stream
        self._engine = connection
        self._pieces = pieces

    @property
    def deflate(self):
        """Return what was agreed on about compression, if frames are read here."""
        return None if self._engine is None else self._engine.deflate

    def send_message(self, message, text):
        """Send one message in a frame of its own; compressed where that was agreed on.

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
        if self._engine is not None and self._engine.deflate is not None:
            if isinstance(message, str):
                message = PyBytes_FromStringAndSize(start, size)
            self.write(self._engine.send(message, binary=not is_text))
        else:
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
        elif size > 0 and self._engine is not None:
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
        cdef Reader reader = self._engine.reader
        cdef object stream = self._owner, received = self.received
        self._progress += 1
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
        self._owner = self.received = None
