"""What the poll group is made of, for C: its own classes, and what they ask of the kernel."""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from *:
    ctypedef bint flag "unsigned char"  # Of a bint each would have four bytes.

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


cdef enum:
    EVENTS = 256  # Those that are taken from the kernel at once, into Group._events.
    BUFFER = 131072  # Bytes of what is read at once, into Group._buffer.
    OUT = 65536  # Bytes of what is gathered before it is sent, in Group._out.
    WIRE = 131072  # Bytes of records of TLS, on their way in or out, in Group.wire().


cdef double now() noexcept nogil


cdef class Member:
    cdef Group _group
    cdef int _fd
    cdef uint32_t _generation
    cdef uint32_t _events
    cdef object _owed  # One frame, a list of several, or None.
    cdef Py_ssize_t _debt

    cdef int _serve(self, uint32_t events) except -1
    cdef int _settle(self) except -1
    cdef void _broken(self, reason)
    cdef int _arrived(self, Member guest, Py_ssize_t size) except -1


cdef class Group:
    cdef readonly object reactor
    cdef public double turn
    cdef list _debtors
    cdef int _epoll
    cdef list _members
    cdef Py_ssize_t _count
    cdef uint32_t _generation
    cdef bint _registered
    cdef bint _serving
    cdef unsigned char *_buffer
    cdef char *_out
    cdef unsigned char *_wire
    cdef epoll_event *_events
    cdef object __weakref__

    cdef unsigned char *wire(self) except NULL
    cdef int _enter(self, Member member, int fd) except -1
    cdef void _leave(self, Member member)
    cdef int _watch(self, Member member, uint32_t events) except -1
    cdef int _owe(self, Member member, bytes frame) except -1
    cdef int _serve_ready(self) except -1
    cdef int _serve_events(self, int count) except -1
