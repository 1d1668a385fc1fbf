"""OpenSSL's functions, by their own names, as soon as it is known where they are."""

# One name for each kind of call; what OpenSSL keeps to itself is void.
ctypedef void *(*method_call)() noexcept nogil
ctypedef void *(*make_call)(void *) noexcept nogil
ctypedef void *(*wrap_call)(const void *, int) noexcept nogil
ctypedef int (*get_call)(void *, void *, int) noexcept nogil
ctypedef int (*put_call)(void *, const void *, int) noexcept nogil
ctypedef long (*mark_call)(void *, int) noexcept nogil
ctypedef void (*clear_call)() noexcept nogil
ctypedef unsigned long (*code_call)() noexcept nogil
ctypedef const char *(*text_call)(unsigned long) noexcept nogil
ctypedef int (*error_call)(void *, int) noexcept nogil
ctypedef void (*set_call)(void *, void *, void *) noexcept nogil
ctypedef long (*mode_call)(void *, long) noexcept nogil
ctypedef int (*end_call)(void *) noexcept nogil

cdef make_call BIO_new
cdef wrap_call BIO_new_mem_buf
cdef get_call BIO_read
cdef method_call BIO_s_mem
cdef mark_call BIO_set_mem_eof_return
cdef put_call BIO_write
cdef clear_call ERR_clear_error
cdef code_call ERR_get_error
cdef text_call ERR_lib_error_string
cdef text_call ERR_reason_error_string
cdef error_call SSL_get_error
cdef get_call SSL_read
cdef set_call SSL_set_bio
cdef mode_call SSL_set_mode
cdef end_call SSL_shutdown
cdef put_call SSL_write

cdef list take_errors()
