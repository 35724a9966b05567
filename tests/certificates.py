"""Certificates and keys for signing pictures, made in the test: an authority, and a signer that it vouches for."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """A certificate authority that exists in one test only."""

    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def authority(name: str = "Test Authority") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _started(name, name, key.public_key(), -2 * DAY, 365 * DAY)
    certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = certificate.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return Authority(name, key, certificate.add_extension(identifier, critical=False).sign(key, hashes.SHA256()))


def issued(
    by: Authority,
    key: Any,
    *,
    name: str = "Test Shop",
    since: datetime.timedelta = -DAY,
    until: datetime.timedelta = 90 * DAY,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
) -> bytes:
    """PEM of a certificate for signing pictures, valid from now + since to now + until."""
    certificate = _started(name, by.name, key.public_key(), since, until)
    certificate = certificate.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    certificate = certificate.add_extension(_usage(digital_signature=True), critical=True)
    certificate = certificate.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
    certificate = certificate.add_extension(issuer, critical=False)
    return certificate.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def private_pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def written_pair(folder: Path, by: Authority, key: Any = None, **options: Any) -> tuple[Path, Path]:
    """A chain of two certificates, and the key, as files: (certificate.pem, key.pem)."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    (folder / "certificate.pem").write_bytes(issued(by, key, **options) + by.pem)
    (folder / "key.pem").write_bytes(private_pem(key))
    return folder / "certificate.pem", folder / "key.pem"


def _started(
    name: str, issuer: str, public: Any, since: datetime.timedelta, until: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
    )


def _named(name: str) -> x509.Name:
    # C2PA wants an organisation.
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]
    )


def _usage(**granted: bool) -> x509.KeyUsage:
    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: granted.get(name, False) for name in every})
