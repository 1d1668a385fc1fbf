"""Masking in machine code: the twin of ``mask.py``."""

from cpython.buffer cimport PyBUF_SIMPLE, Py_buffer, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

__all__ = ["apply_mask"]


def apply_mask(data, bytes key not None, Py_ssize_t offset=0):
    """Return the data masked, or unmasked, which is the same.

    Args:
        data: any number of bytes.
        key: four bytes.
        offset: how many bytes of the same payload came before.
    """
    cdef Py_buffer view
    cdef bytes masked
    if len(key) != 4:
        raise ValueError("a masking key has four bytes")
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        masked = PyBytes_FromStringAndSize(NULL, view.len)
        mask_into(
            <unsigned char *> PyBytes_AS_STRING(masked),
            <const unsigned char *> view.buf,
            view.len,
            <const unsigned char *> PyBytes_AS_STRING(key),
            offset & 3,
        )
    finally:
        PyBuffer_Release(&view)
    return masked
