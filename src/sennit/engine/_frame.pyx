"""Frames on their way out, in machine code: the twin of ``frame.py``."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy

from sennit.engine._mask cimport mask_into

__all__ = ["encode_frame"]


cdef bytes frame_of(int opcode, bytes payload, bint fin, int rsv, bytes mask):
    cdef unsigned char head[HEAD_LIMIT]
    cdef const unsigned char *key = NULL
    cdef const unsigned char *source = payload
    cdef Py_ssize_t size = len(payload)
    cdef unsigned char *target
    cdef bytes made
    cdef int length
    if mask is not None:
        if len(mask) != 4:
            raise ValueError("a masking key has four bytes")
        key = mask
    length = write_head(head, opcode, size, fin, rsv, key)
    made = PyBytes_FromStringAndSize(NULL, length + size)
    target = <unsigned char *> PyBytes_AS_STRING(made)
    memcpy(target, head, length)
    if key == NULL:
        memcpy(target + length, source, size)
    else:
        mask_into(target + length, source, size, key, 0)
    return made


def encode_frame(int opcode, bytes payload not None, *, bint fin=True, int rsv=0, bytes mask=None):
    """Return a frame.

    Args:
        opcode: one of the six.
        payload: not masked yet.
        fin: whether it is the last of its message.
        rsv: RSV1 to RSV3 as a number of three bits, RSV1 being 4; for extensions.
        mask: four bytes for a client's frame, ``None`` for a server's.
    """
    return frame_of(opcode, payload, fin, rsv, mask)
