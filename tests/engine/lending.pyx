# cython: language_level=3
"""A caller in C of the compiled reader, as the poll group is one."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from sennit.engine._reader cimport Reader, feed_pointer, keep


def read_lent(Reader reader, bytes data, int limit):
    """Lend memory to a reader that is used for something else afterwards.

    Args:
        reader: whom to lend it.
        data: what is in it.
        limit: how many items to ask for; -1 for all.
    """
    cdef Py_ssize_t size = len(data)
    cdef unsigned char *memory = <unsigned char *> malloc(size + 1)
    items = []
    if memory == NULL:
        raise MemoryError
    memcpy(memory, <const unsigned char *> data, size)
    try:
        feed_pointer(reader, memory, size)
        while limit and reader.advance():
            items.append((reader.opcode, reader.payload, reader.final))
            limit -= 1
        keep(reader)
    finally:
        memset(memory, 0xEE, size)
        free(memory)
    return items
