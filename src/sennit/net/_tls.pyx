"""A connection of the poll group over TLS: OpenSSL's work, without a word of Python for a record.

Records go through memory, as with Twisted: what the kernel has is given to OpenSSL in one piece,
and its records are sent as bytes are sent on any socket of the group. So everything that was
written is in records at once; what is queued, counted and bounded are bytes of records.

OpenSSL is the one that pyOpenSSL's connections are made by (``sennit.net.openssl``), and a
connection is made by Twisted's factory, as for its own transport: whatever is configured holds.
"""

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, INegotiated, ISystemHandle
from zope.interface import classImplements

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, ENOMEM, errno
from libc.stdint cimport uintptr_t
from libc.stdlib cimport free
from libc.string cimport memcpy, strerror

from sennit.net._group cimport (
    BUFFER,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    SHUT_WR,
    WIRE,
    Group,
    recv,
    send,
    shutdown,
)
from sennit.net._letter cimport MARGIN, RECORD, SMALL, Letter
from sennit.net._libssl cimport (
    BIO_new,
    BIO_new_mem_buf,
    BIO_read,
    BIO_s_mem,
    BIO_set_mem_eof_return,
    BIO_write,
    ERR_clear_error,
    SSL_get_error,
    SSL_read,
    SSL_set_bio,
    SSL_set_mode,
    SSL_shutdown,
    SSL_write,
    take_errors,
)
from sennit.net._sender cimport joined
from sennit.net._socket cimport Socket

cdef enum:
    WANT_READ = 2
    ZERO_RETURN = 6
    RELEASE_BUFFERS = 16

cdef enum:
    RECEIVED = 98304  # Bytes that are read at once: with what OpenSSL holds, less than BUFFER.
    OWN = 65536  # Bytes that OpenSSL says by itself to a peer that does not read them.

cdef object _ffi = None
cdef object _ssl = None


def bind(ffi, ssl):
    """Learn of pyOpenSSL; nothing else here works before, nor before OpenSSL's functions are known.

    Args:
        ffi: what makes pointers of addresses, and addresses of pointers.
        ssl: pyOpenSSL's ``SSL``.
    """
    global _ffi, _ssl
    _ffi, _ssl = ffi, ssl


cdef void *_pointer(what) except? NULL:
    return <void *><uintptr_t>int(_ffi.cast("uintptr_t", what))


def _why(list errors):
    """Return why a connection is lost; an end without TLS's own farewell is one as any other."""
    if any([reason.startswith("unexpected eof") for _, _, reason in errors]) or not errors:
        return ConnectionLost()
    return _ssl.Error(errors)


def adopt(Group group, int fd, factory):
    """Take over a connected, non-blocking socket, as its new owner, and speak TLS on it.

    Args:
        group: what it belongs to.
        fd: the descriptor.
        factory: Twisted's ``TLSMemoryBIOFactory`` of a server.
    """
    return tls_socket_of(group, fd, factory)


cdef TlsSocket tls_socket_of(group, int fd, factory):
    """The same, for C."""
    cdef TlsSocket made = TlsSocket.__new__(TlsSocket)
    made.factory = factory
    made._enroll(group, fd)
    return made


cdef class TlsSocket(Socket):
    """One connection over TLS.

    Its protocol is told of it at once, and of bytes when TLS is there. What it writes before that
    waits. There are no halves: who loses the write connection loses both; what was written, and
    TLS's own farewell, are sent, and then the other end is waited for. Whoever does that sets a
    deadline, as with Twisted's own.

    Attributes:
        factory: Twisted's, by which the connection is made.
    """

    # -- what Twisted's own transport offers, and those ask for who make connections ---------------

    @property
    def transport(self):
        """Itself: there is nothing below that could be used."""
        return self

    @property
    def secure(self):
        """Whether TLS protects it."""
        return True

    @property
    def wrappedProtocol(self):
        """Return whom it notifies."""
        return self.protocol

    @property
    def negotiatedProtocol(self):
        """Return the protocol that was agreed on by ALPN, if one was."""
        return None if self._connection is None else (
            self._connection.get_alpn_proto_negotiated() or None
        )

    def getHandle(self):
        """Return pyOpenSSL's connection; ``None`` when it is gone. Nobody else may read from it."""
        if self._connection is None and self._fd >= 0:
            self._begin()
        return self._connection

    def getPeerCertificate(self):
        """Return the peer's certificate, if it has shown one."""
        return None if self._connection is None else self._connection.get_peer_certificate()

    def failVerification(self, reason):
        """Cut the connection off, since who is at the other end is not who it should be."""
        self.abortConnection()

    # -- a transport -----------------------------------------------------------------------------

    @property
    def buffered(self):
        """Bytes taken of which the operating system has none yet, those of records included."""
        return self._queued + self._corked + self._gathered + self._waits

    def loseConnection(self):
        """Send what is there and a farewell, and close when the peer has answered that."""
        if self._fd < 0 or self.disconnecting:
            return
        self._flush_cork()
        self._cork = None
        self.disconnecting = True
        self._reading = False
        if self._waiting is not None:
            # What waits for TLS goes out when that is there, or a deadline comes.
            self._reading = True
            self._update()
        else:
            self._part()

    def loseWriteConnection(self):
        """Close the connection: TLS has no halves."""
        self.loseConnection()

    def release(self):
        """Give everything away.

        Returns:
            The descriptor, the caller's from now on; the connection of pyOpenSSL, which goes on
            through memory; and records that are to be sent before its own.
        """
        cdef list queue = self._queue[self._first:] if self._queued else []
        connection = self._connection
        self._renew()
        connection._into_ssl = _ffi.cast("BIO *", <uintptr_t>self._incoming)
        connection._from_ssl = _ffi.cast("BIO *", <uintptr_t>self._outgoing)
        unsent = b"".join(queue)[self._offset if self._queued else 0:]
        self._forget()  # Nothing is watched for any more.
        fd = self.detach()
        self._connection = self.factory = None
        self._tls = self._incoming = self._outgoing = NULL
        self.muted = True
        return fd, connection, unsent

    def _close(self):
        """All is sent: let the peer know, and wait for its end, which is not to be destroyed."""
        if self._fd < 0 or not self.disconnecting or self._aborting or self._draining:
            return
        if self._waiting is not None:
            return
        if self._ended or not self._secured:
            self._lose(ConnectionDone())
            return
        self._draining = self._reading = True
        shutdown(self._fd, SHUT_WR)
        self._update()

    def _lose(self, why):
        Socket._lose(self, why)
        self._connection = None
        self._tls = self._incoming = self._outgoing = NULL

    # -- reading ---------------------------------------------------------------------------------

    cdef int _begin(self) except -1:
        """Make pyOpenSSL's connection, when there is something for it."""
        connection = self.factory._creatorCallable(self)
        self._connection = connection
        self._tls = _pointer(connection._ssl)
        self._incoming = _pointer(connection._into_ssl)
        self._outgoing = _pointer(connection._from_ssl)
        # What is not in use takes no memory.
        SSL_set_mode(self._tls, RELEASE_BUFFERS)
        return 0

    cdef int _renew(self) except -1:
        """Let go of memory that has grown."""
        cdef void *incoming = BIO_new(BIO_s_mem())
        cdef void *outgoing = BIO_new(BIO_s_mem())
        if incoming is NULL or outgoing is NULL:
            raise MemoryError
        SSL_set_bio(self._tls, incoming, outgoing)
        self._incoming, self._outgoing = incoming, outgoing
        self._lent = False
        return 0

    cdef int _renew_outgoing(self) except -1:
        cdef void *outgoing = BIO_new(BIO_s_mem())
        if outgoing is NULL:
            raise MemoryError
        SSL_set_bio(self._tls, self._incoming, outgoing)
        self._outgoing = outgoing
        return 0

    cdef int _read(self) except -1:
        cdef unsigned char *wire = self._group.wire()
        cdef ssize_t size
        cdef void *lent
        if self._connection is None:
            self._begin()
        size = recv(self._fd, wire, RECEIVED, MSG_DONTWAIT)
        if size == 0:
            self._lose(ConnectionDone() if self._draining else ConnectionLost())
            return 0
        if size < 0:
            if errno != EAGAIN and errno != EINTR:
                why = ConnectionLost(strerror(errno).decode())
                self._lose(ConnectionDone() if self._draining else why)
            return 0
        self._progress += 1
        if size <= SMALL or not self._secured:
            if self._lent:
                self._renew()
            if BIO_write(self._incoming, wire, <int>size) != size:
                raise MemoryError
        else:
            # All of it is read before the buffer is used for something else.
            lent = BIO_new_mem_buf(wire, <int>size)
            if lent is NULL:
                raise MemoryError
            BIO_set_mem_eof_return(lent, -1)
            SSL_set_bio(self._tls, lent, self._outgoing)
            self._incoming, self._lent = lent, True
        if self._secured or self._shake():
            self._decrypt()
        return 0

    cdef bint _shake(self) except -1:
        """Go on with the handshake, and return whether it is done."""
        connection = self._connection
        ERR_clear_error()
        try:
            connection.do_handshake()
        except _ssl.WantReadError:
            self._drain()
            return False
        except _ssl.Error as error:
            if self._fd >= 0:
                self._drain()  # The peer is told why.
                self._lose(error)
            return False
        if self._fd < 0 or self._aborting:
            return False
        self._secured = True
        self._drain()
        if self._fd < 0:
            return False
        self._outgrow()
        if self._waiting is not None:
            self._go_on()
        return self._fd >= 0

    cdef int _outgrow(self) except -1:
        """Give back the memory of the handshake, with what came behind it."""
        cdef unsigned char *wire = self._group.wire()
        cdef int size = BIO_read(self._incoming, wire, WIRE)
        self._renew()
        # pyOpenSSL knows nothing of the new one, and must not use what is gone.
        self._connection._into_ssl = self._connection._from_ssl = None
        if size > 0 and BIO_write(self._incoming, wire, size) != size:
            raise MemoryError
        return 0

    cdef int _decrypt(self) except -1:
        """Read what is there of records, and bring it to whom it is for."""
        cdef unsigned char *buffer = self._group._buffer
        cdef Py_ssize_t filled = 0
        cdef int got, why
        cdef list errors = None
        ERR_clear_error()
        while True:
            # There is always room: plain bytes are fewer than those of their records.
            got = SSL_read(self._tls, buffer + filled, <int>(BUFFER - filled))
            if got <= 0:
                break
            filled += got
        why = SSL_get_error(self._tls, got)
        if why != WANT_READ and why != ZERO_RETURN:
            errors = take_errors()
        self._drain()
        if self._waiting is not None and why == WANT_READ:
            self._go_on()
        if filled and self._fd >= 0 and not self._draining and not self.disconnecting:
            if self._host is not None:
                self._host._arrived(self, filled)
            elif self._engine is None:
                self.protocol.dataReceived(PyBytes_FromStringAndSize(<char *>buffer, filled))
            else:
                self._take(buffer, filled)
        if why != WANT_READ and self._fd >= 0:
            if why == ZERO_RETURN:
                self._end()
            else:
                self._lose(ConnectionDone() if self._draining else _why(errors))
        return 0

    cdef int _end(self) except -1:
        """The peer has said farewell."""
        if self._draining:
            self._lose(ConnectionDone())
        elif self.disconnecting:
            self._ended = True
            self._update()
        elif IHalfCloseableProtocol.providedBy(self.protocol):
            Socket._end(self)
        else:
            self._farewell()
            self._lose(ConnectionDone())
        return 0

    # -- writing ---------------------------------------------------------------------------------

    cdef int _put(self, bytes data) except -1:
        if self._owed is not None:
            self._settle()
        return self._seal(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), NULL, 0)

    cdef int _put_large(
        self, const char *head, Py_ssize_t length, const char *start, Py_ssize_t size
    ) except -1:
        cdef char *corner = <char *>self._group.wire() + (WIRE - RECORD)
        cdef Py_ssize_t first = min(size, <Py_ssize_t>RECORD - length)
        self._flush_cork()
        # The head is in the first record, which is made where no records come to.
        memcpy(corner, head, length)
        memcpy(corner + length, start, first)
        return self._seal(corner, length + first, start + first, size - first)

    cdef int _send_gathered(self) except -1:
        cdef Py_ssize_t size = self._gathered
        self._gathered = 0
        if self._owed is not None:
            self._settle()
        return self._seal(self._group._out, size, NULL, 0)

    cdef bint _is_full(self) except -1:
        if self._gathered and self._bound and self._queued + self._gathered >= self._bound:
            self._send_gathered()
        return self._full

    cdef int _seal(
        self, const char *data, Py_ssize_t size, const char *more, Py_ssize_t length
    ) except -1:
        """Make records of bytes, and of more behind them, and send them."""
        cdef unsigned char *wire
        cdef Py_ssize_t filled = 0
        cdef bint is_large = size + length > SMALL
        cdef int done, got, why = 0
        if self._fd < 0 or self._shut or self._aborting:
            return 0
        if not self._secured or self._waiting is not None:
            return self._wait(data, size, more, length)
        wire = self._group.wire()
        ERR_clear_error()
        while size or length:
            if not size:
                data, size, length = more, length, 0
            done = SSL_write(self._tls, data, <int>min(size, <Py_ssize_t>RECORD))
            if done <= 0:
                why = SSL_get_error(self._tls, done)
                break
            data, size = data + done, size - done
            got = BIO_read(self._outgoing, wire + filled, <int>(WIRE - filled))
            if got > 0:
                filled += got
            if filled > WIRE - MARGIN:
                self._transmit(wire, filled)
                filled = 0
        if why:
            return self._refused(why, wire, filled, data, size, more, length)
        if filled:
            self._transmit(wire, filled)
        if is_large and self._fd >= 0:
            self._renew_outgoing()
        return 0

    cdef int _refused(
        self,
        int why,
        unsigned char *wire,
        Py_ssize_t filled,
        const char *data,
        Py_ssize_t size,
        const char *more,
        Py_ssize_t length,
    ) except -1:
        """TLS takes no more bytes: not now, or not at all."""
        cdef list errors = None if why == WANT_READ else take_errors()
        if errors is None:
            self._wait(data, size, more, length)
        if filled:
            self._transmit(wire, filled)
        self._drain()
        if errors is not None and not self._shut:
            self._fail_for(_why(errors))
        return 0

    cdef int _fail_for(self, why) except -1:
        """The connection is lost, in a turn of its own."""
        self._forget()
        self._shut = True
        self._update()
        self._group.reactor.callLater(0, self._lose, why)
        return 0

    cdef int _wait(
        self, const char *data, Py_ssize_t size, const char *more, Py_ssize_t length
    ) except -1:
        """Keep plain bytes until TLS lets them through."""
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(
            joined(data, size, more, length) if length else PyBytes_FromStringAndSize(data, size)
        )
        self._waits += size + length
        if self._bound and self._queued + self._waits >= self._bound:
            self._full = True
        return 0

    cdef int _go_on(self) except -1:
        """Write what had to wait."""
        cdef bytes data = b"".join(self._waiting)
        self._waiting, self._waits = None, 0
        self._seal(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), NULL, 0)
        if self._waiting is not None or self._fd < 0:
            return 0
        if self.disconnecting:
            self._reading = False
            self._part()
        elif self._full and self._queued <= self._low:
            self._full = False
            if self._owner is not None and not self._finished:
                self._owner.drained()
        return 0

    cdef int _drain(self) except -1:
        """Send what OpenSSL has to say by itself."""
        cdef unsigned char *wire = self._group.wire()
        cdef int got
        while self._fd >= 0:
            got = BIO_read(self._outgoing, wire, WIRE)
            if got <= 0:
                break
            if self._draining or self._shut or self._aborting:
                continue
            self._transmit(wire, got)
            if not self._queued:
                self._own = 0
                continue
            self._own += got
            if self._own > OWN:
                self._fail_for(ConnectionLost("the peer makes TLS speak, and does not listen"))
        return 0

    cdef int _part(self) except -1:
        """Say farewell behind everything, and close when it is sent."""
        if self._secured:
            self._farewell()
        self._update()
        if not self._queued and self._fd >= 0:
            self._group.reactor.callLater(0, self._close)
        return 0

    cdef int _farewell(self) except -1:
        ERR_clear_error()
        SSL_shutdown(self._tls)
        ERR_clear_error()
        return self._drain()

    cdef int _transmit(self, const unsigned char *data, Py_ssize_t size) except -1:
        """Send records, behind those that are queued."""
        cdef ssize_t sent = 0
        if self._fd < 0 or self._shut:
            return 0
        if not self._queued:
            sent = send(self._fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT)
            if sent == size:
                return 0
            if sent < 0:
                sent = 0
                if errno != EAGAIN and errno != EINTR:
                    return self._fail()
        return self._keep(PyBytes_FromStringAndSize(<char *>data + sent, size - sent), 0)

    cdef void _forget(self):
        Socket._forget(self)
        self._waiting = None
        self._waits = 0

    # -- a broadcast -----------------------------------------------------------------------------

    cdef bint _address(self, Letter *letter) noexcept:
        """Fill in to whom a frame goes, and return whether it may go at once."""
        if not self._secured or self._waiting is not None:
            return False
        letter.tls, letter.outgoing, letter.fd = self._tls, self._outgoing, self._fd
        letter.taken = letter.sealed = letter.sent = 0
        letter.left = NULL
        letter.done = False
        return True

    cdef int _posted(self, Letter *letter, bytes frame) except -1:
        """Queue what was not sent of a frame."""
        cdef Py_ssize_t sent = max(letter.sent, 0)
        cdef int number = <int>-letter.sent if letter.sent < 0 else 0
        cdef bytes rest = None
        if letter.left is not NULL:
            try:
                rest = PyBytes_FromStringAndSize(letter.left, letter.sealed - sent)
            finally:
                free(letter.left)
        elif sent < letter.sealed:
            number = ENOMEM
        if number and number != EAGAIN and number != EINTR:
            return self._fail_with(number)
        if rest is not None:
            self._keep(rest, 0)
        if letter.taken < PyBytes_GET_SIZE(frame):
            self._seal(
                PyBytes_AS_STRING(frame) + letter.taken,
                PyBytes_GET_SIZE(frame) - letter.taken,
                NULL,
                0,
            )
        elif PyBytes_GET_SIZE(frame) > SMALL:
            self._renew_outgoing()
        return 0


classImplements(TlsSocket, INegotiated, ISystemHandle)
