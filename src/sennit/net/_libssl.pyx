"""OpenSSL's functions, for C: addresses instead of a library to link with.

``sennit.net.openssl`` finds them, and knows that they are of the kinds that are written here.
"""

from libc.stdint cimport uintptr_t


def bind(functions):
    """Learn where OpenSSL's functions are; nothing may call them before.

    Args:
        functions: the address of each, by its name.
    """
    global BIO_new, BIO_new_mem_buf, BIO_read, BIO_s_mem, BIO_set_mem_eof_return, BIO_write
    global ERR_clear_error, ERR_get_error, ERR_lib_error_string, ERR_reason_error_string
    global SSL_get_error, SSL_read, SSL_set_bio, SSL_set_mode, SSL_shutdown, SSL_write
    BIO_new = <make_call><uintptr_t>functions["BIO_new"]
    BIO_new_mem_buf = <wrap_call><uintptr_t>functions["BIO_new_mem_buf"]
    BIO_read = <get_call><uintptr_t>functions["BIO_read"]
    BIO_s_mem = <method_call><uintptr_t>functions["BIO_s_mem"]
    BIO_set_mem_eof_return = <mark_call><uintptr_t>functions["BIO_set_mem_eof_return"]
    BIO_write = <put_call><uintptr_t>functions["BIO_write"]
    ERR_clear_error = <clear_call><uintptr_t>functions["ERR_clear_error"]
    ERR_get_error = <code_call><uintptr_t>functions["ERR_get_error"]
    ERR_lib_error_string = <text_call><uintptr_t>functions["ERR_lib_error_string"]
    ERR_reason_error_string = <text_call><uintptr_t>functions["ERR_reason_error_string"]
    SSL_get_error = <error_call><uintptr_t>functions["SSL_get_error"]
    SSL_read = <get_call><uintptr_t>functions["SSL_read"]
    SSL_set_bio = <set_call><uintptr_t>functions["SSL_set_bio"]
    SSL_set_mode = <mode_call><uintptr_t>functions["SSL_set_mode"]
    SSL_shutdown = <end_call><uintptr_t>functions["SSL_shutdown"]
    SSL_write = <put_call><uintptr_t>functions["SSL_write"]


cdef list take_errors():
    """Take what went wrong from OpenSSL's queue, as pyOpenSSL tells it."""
    cdef list found = []
    cdef unsigned long code
    cdef const char *library
    cdef const char *reason
    while True:
        code = ERR_get_error()
        if not code:
            return found
        library, reason = ERR_lib_error_string(code), ERR_reason_error_string(code)
        found.append((
            "" if library is NULL else library.decode(),
            "",
            "" if reason is NULL else reason.decode(),
        ))
