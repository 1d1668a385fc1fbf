"""Addresses of the kernel's as Twisted's."""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdio cimport snprintf
from libc.string cimport memset, strlen

from sennit.net._group cimport (
    AF_INET,
    AF_INET6,
    INET6_ADDRSTRLEN,
    getpeername,
    getsockname,
    inet_ntop,
    ntohl,
    ntohs,
    sockaddr,
    sockaddr_in,
    sockaddr_in6,
    sockaddr_storage,
    socklen_t,
)


cdef object peer_address(int fd):
    """Return the address of a socket's other end; that of a Unix socket where it has none."""
    cdef sockaddr_storage address
    cdef socklen_t size = sizeof(address)
    memset(&address, 0, sizeof(address))
    if fd >= 0:
        getpeername(fd, <sockaddr *>&address, &size)
    return _address(&address)


cdef str describe_address(int fd):
    """Return the address of a socket's other end as text."""
    cdef sockaddr_storage address
    cdef socklen_t size = sizeof(address)
    cdef char text[80]
    cdef sockaddr_in *four = <sockaddr_in *>&address
    cdef sockaddr_in6 *six = <sockaddr_in6 *>&address
    cdef int port
    memset(&address, 0, sizeof(address))
    if fd < 0 or getpeername(fd, <sockaddr *>&address, &size) < 0:
        return "unix"
    if address.ss_family == AF_INET:
        inet_ntop(AF_INET, &four.sin_addr, text, INET6_ADDRSTRLEN)
        port = ntohs(four.sin_port)
        size = strlen(text)
        size += snprintf(text + size, sizeof(text) - size, b":%d", port)
    elif address.ss_family == AF_INET6:
        text[0] = c"["
        inet_ntop(AF_INET6, &six.sin6_addr, text + 1, INET6_ADDRSTRLEN)
        port = ntohs(six.sin6_port)
        size = strlen(text)
        size += snprintf(text + size, sizeof(text) - size, b"]:%d", port)
    else:
        return "unix"
    return PyUnicode_DecodeASCII(text, size, NULL)


cdef object own_address(int fd):
    """Return the address of a socket's own end."""
    cdef sockaddr_storage address
    cdef socklen_t size = sizeof(address)
    memset(&address, 0, sizeof(address))
    if fd >= 0:
        getsockname(fd, <sockaddr *>&address, &size)
    return _address(&address)


cdef object _address(sockaddr_storage *address):
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
