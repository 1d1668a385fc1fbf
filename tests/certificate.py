"""Certificates for tests, signed by nobody but themselves."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.ssl import PrivateCertificate

__all__ = ["make_certificate", "make_pem"]


def make_pem(*hosts: str, days: int = 1) -> bytes:
    """Return a key and its certificate, for names and addresses, in PEM; for the same, the same.

    Args:
        hosts: whom it is for.
        days: until it ends; negative if it has ended already.
    """
    return _make(hosts, days)


@functools.cache
def _make(hosts: tuple[str, ...], days: int) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"for {hosts}")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=10))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def make_certificate(*hosts: str, days: int = 1) -> PrivateCertificate:
    """Return the same as Twisted has it."""
    made: PrivateCertificate = PrivateCertificate.loadPEM(make_pem(*hosts, days=days))
    return made


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
