"""OpenSSL as pyOpenSSL has it, for C: where its functions are in memory.

There is nothing to link with: ``cryptography`` brings an OpenSSL of its own, and pyOpenSSL's
connections are made by that one. ``cffi`` knows where its functions are, and of what kind. That,
and three attributes of a connection, is nobody's promise: so all of it is looked at first, and
where anything is different from what C expects, TLS stays with Twisted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["OpenSsl", "find_openssl"]

FUNCTIONS = {
    "BIO_new": "BIO *(*)(BIO_METHOD *)",
    "BIO_new_mem_buf": "BIO *(*)(void *, int)",
    "BIO_read": "int(*)(BIO *, void *, int)",
    "BIO_s_mem": "BIO_METHOD *(*)()",
    "BIO_set_mem_eof_return": "long(*)(BIO *, int)",
    "BIO_write": "int(*)(BIO *, void *, int)",
    "ERR_clear_error": "void(*)()",
    "ERR_get_error": "unsigned long(*)()",
    "ERR_lib_error_string": "char *(*)(unsigned long)",
    "ERR_reason_error_string": "char *(*)(unsigned long)",
    "SSL_get_error": "int(*)(SSL *, int)",
    "SSL_read": "int(*)(SSL *, void *, int)",
    "SSL_set_bio": "void(*)(SSL *, BIO *, BIO *)",
    "SSL_set_mode": "long(*)(SSL *, long)",
    "SSL_shutdown": "int(*)(SSL *)",
    "SSL_write": "int(*)(SSL *, void *, int)",
}
"""What is called from C, and as what it is called there."""

CONSTANTS = {
    "SSL_ERROR_WANT_READ": 2,
    "SSL_ERROR_ZERO_RETURN": 6,
    "SSL_MODE_RELEASE_BUFFERS": 16,
}
"""What C knows of OpenSSL besides."""

ATTRIBUTES = {"_ssl": "SSL *", "_into_ssl": "BIO *", "_from_ssl": "BIO *"}
"""What is taken from a connection of pyOpenSSL, and what it is."""


@dataclass(frozen=True)
class OpenSsl:
    """Where OpenSSL is.

    Attributes:
        functions: the address of each.
        ffi: what makes pointers of addresses, and addresses of pointers.
        ssl: the module of pyOpenSSL.
    """

    functions: Mapping[str, int]
    ffi: Any
    ssl: Any


def find_openssl() -> OpenSsl | None:
    """Return where OpenSSL is; ``None`` if it is not as C expects it."""
    try:
        return _look()
    except (ImportError, AttributeError, TypeError, KeyError):
        return None


def _look() -> OpenSsl | None:
    from cryptography.hazmat.bindings._rust import _openssl  # noqa: PLC0415 - may be missing
    from OpenSSL import SSL  # noqa: PLC0415 - heavy

    library: Any = _openssl.lib
    ffi: Any = _openssl.ffi
    functions = {}
    for name, kind in FUNCTIONS.items():
        function = ffi.addressof(library, name)
        if ffi.typeof(function).cname != kind:
            return None
        functions[name] = int(ffi.cast("uintptr_t", function))
    if any(getattr(library, name) != value for name, value in CONSTANTS.items()):
        return None
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    for name, kind in ATTRIBUTES.items():
        if ffi.typeof(getattr(connection, name)).cname != kind:
            return None
    return OpenSsl(functions, ffi, SSL)
