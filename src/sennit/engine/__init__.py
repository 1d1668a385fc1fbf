"""RFC 6455 without I/O: bytes in, events out, bytes out. No sockets, no clock, no Twisted."""
