"""Writing the frames of a server, for C."""

cdef Py_ssize_t write_head(char *head, int first, Py_ssize_t size) noexcept
cdef bytes joined(const char *head, Py_ssize_t length, const char *start, Py_ssize_t size)
