"""A small certificate authority for a lab: short-lived certificates for a server and its clients, and revocation.

P-256 keys; the server's certificate serves only servers, a client's only clients (extended key usage). A hospital uses
its own authority instead.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bedrail.core.errors import Corrupt, Invalid, Refused
from bedrail.keys.files import read_private

CA, CA_KEY, CRL = "ca.pem", "ca.key", "crl.pem"
MOST_DAYS = 90
_EARLIER = timedelta(minutes=5)
"""Clocks of a lab differ; a certificate is good from a little before it was made."""


def make_lab(folder: Path, hosts: Sequence[str], clients: Sequence[str], *, days: int, now: datetime) -> list[str]:
    """An authority, a server certificate for these names and addresses, one certificate for each client, an empty list.

    Returns the file names; raises `Refused` for a folder that holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    for client in clients:
        _check_name(client)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bedrail lab authority")])
    authority = (
        _builder(name, name, key, now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder / CA_KEY, _pem(key))
    _write(folder / CA, authority.public_bytes(serialization.Encoding.PEM))
    names: list[x509.GeneralName] = [_general_name(host) for host in hosts]
    _issue(folder, "server", names, authority, key, days, now, server=True)
    for client in clients:
        _issue(folder, client, [x509.DNSName(client)], authority, key, days, now, server=False)
    revoke(folder, None, days=days, now=now)
    return sorted(path.name for path in folder.iterdir())


def revoke(folder: Path, certificate: Path | None, *, days: int, now: datetime) -> Path:
    """Put a certificate on the authority's list (or only renew the list); returns the list's path.

    Raises `Invalid` for a certificate that this authority did not issue.
    """
    authority, key = _authority(folder)
    listed = {}
    if (folder / CRL).exists():
        listed = {entry.serial_number: entry for entry in x509.load_pem_x509_crl((folder / CRL).read_bytes())}
    if certificate is not None:
        one = _certificate(certificate)
        if one.issuer != authority.subject:
            raise Invalid("this authority did not issue it.", path=str(certificate), remedy="Name one of its own.")
        listed[one.serial_number] = (
            x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(now).build()
        )
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=authority.subject, last_update=now - _EARLIER, next_update=now + timedelta(days=days)
    )
    for entry in listed.values():
        builder = builder.add_revoked_certificate(entry)
    _write(folder / CRL, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return folder / CRL


def _issue(
    folder: Path,
    called: str,
    names: list[x509.GeneralName],
    authority: x509.Certificate,
    signing: ec.EllipticCurvePrivateKey,
    days: int,
    now: datetime,
    *,
    server: bool,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    made = (
        _builder(subject, authority.subject, key, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
            critical=False,
        )
        .sign(signing, hashes.SHA256())
    )
    _write(folder / f"{called}.key", _pem(key))
    _write(folder / f"{called}.pem", made.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        key = serialization.load_pem_private_key(read_private(folder / CA_KEY), password=None)
    except (ValueError, TypeError) as error:
        raise Corrupt(f"{folder / CA_KEY} is not a key.", remedy="Make a new lab: bedrail tls init.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Corrupt(f"{folder / CA_KEY} is not a key on a curve.", remedy="Make a new lab: bedrail tls init.")
    return _certificate(folder / CA), key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (ValueError, OSError) as error:
        raise Invalid("this is no certificate in PEM.", path=str(path), remedy="Name a certificate.") from error


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        _check_name(host)
        return x509.DNSName(host)


def _check_name(name: str) -> None:
    """A name is a file name here, and stands in a certificate."""
    plain = name.isascii() and name.replace("-", "").replace(".", "").isalnum() and not name.startswith(("-", "."))
    if not plain or len(name) > 63 or name in ("ca", "server", "crl"):
        raise Invalid("this cannot be a name here.", path=name, remedy="Use letters, digits, `-` and `.`.")


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
