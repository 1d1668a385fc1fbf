"""Addresses of the kernel's as Twisted's, for C."""

cdef object peer_address(int fd)
cdef object own_address(int fd)
cdef str describe_address(int fd)
