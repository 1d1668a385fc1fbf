"""Where OpenSSL is, and that it is not used where it is not what C expects."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from OpenSSL import SSL

from sennit.net import openssl
from sennit.net.openssl import find_openssl


def test_where_it_is() -> None:
    """Every function has an address of its own, as Twisted's pyOpenSSL is today."""
    found = find_openssl()
    assert found is not None
    assert found.functions.keys() == openssl.FUNCTIONS.keys()
    assert len(set(found.functions.values())) == len(openssl.FUNCTIONS)
    assert 0 not in found.functions.values()
    assert found.ssl is SSL
    address = found.functions["SSL_read"]
    assert int(found.ffi.cast("uintptr_t", found.ffi.cast("void *", address))) == address


@pytest.mark.parametrize("kind", ["int(*)(SSL *, void *, size_t)", "char *"])
@pytest.mark.parametrize("table", [openssl.FUNCTIONS, openssl.ATTRIBUTES])
def test_what_is_of_another_kind(
    monkeypatch: pytest.MonkeyPatch, table: dict[str, str], kind: str
) -> None:
    """A function that takes something else, an attribute that is something else."""
    for name in table:
        with monkeypatch.context() as changed:
            changed.setitem(table, name, kind)
            assert find_openssl() is None


@pytest.mark.parametrize("table", [openssl.FUNCTIONS, openssl.ATTRIBUTES, openssl.CONSTANTS])
def test_what_is_not_there(monkeypatch: pytest.MonkeyPatch, table: dict[str, Any]) -> None:
    """A function, an attribute, or a number."""
    monkeypatch.setitem(table, "nobody_knows", "int(*)()")
    assert find_openssl() is None


def test_another_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As other libraries than OpenSSL may have it."""
    for name in openssl.CONSTANTS:
        with monkeypatch.context() as changed:
            changed.setitem(openssl.CONSTANTS, name, 0)
            assert find_openssl() is None


@pytest.mark.parametrize("module", ["cryptography.hazmat.bindings._rust", "OpenSSL"])
def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Or that keeps its OpenSSL somewhere else."""
    monkeypatch.setitem(sys.modules, module, None)
    assert find_openssl() is None
