"""Channels: TLS 1.3 only, mutual where asked; what a certificate says; whether key exchange is post-quantum hybrid.

After RFC 8446, RFC 9325 and ASVS 5.0 chapter 12. Certificates come from the hospital's own authority; `lab_tls` makes a
small one for trying out.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from bedrail.core.errors import BedrailError, Invalid, NotFound
from bedrail.core.values import Value
from bedrail.keys.files import read_private

X25519MLKEM768 = 0x11EC
"""The hybrid of X25519 and ML-KEM-768 (draft-ietf-tls-ecdhe-mlkem); OpenSSL has it from 3.5 on, by default."""

_SUPPORTED_GROUPS = 10


class Channel(Value, frozen=True, kw_only=True):
    """The files of a TLS server: its certificate chain and key; who may connect, and who no longer may.

    Without `client_ca` anybody may connect. `crl` holds a revocation list in PEM; an outdated one lets nobody in.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    crl: Path | None = None


class CertificateFacts(Value, frozen=True, kw_only=True):
    """What a certificate says of itself; times are UTC."""

    subject: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    serial: str


def server_context(channel: Channel) -> ssl.SSLContext:
    """A context for TLS 1.3 alone, that takes renewed files up at the next handshake, without a restart.

    Raises `Refused` for a key that others can read, `NotFound` or `Invalid` for files that are none or do not belong
    together. Files that become unusable later leave the former ones in force.
    """
    stamps = _stamps(channel)  # before reading: what changes in between is read again
    renewing = _Renewing(channel, _server_context(channel), stamps)
    renewing.context.sni_callback = renewing.take_up  # called at every handshake, with a name or without
    return renewing.context


def client_context(ca: Path | None = None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A context that checks the other side's certificate and name, by `ca` or by the machine's authorities.

    TLS 1.2 or later, since vendors may have nothing newer; between our own nodes the server insists on 1.3.
    """
    context = ssl.create_default_context(cafile=None if ca is None else str(_there(ca)))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        _load_chain(context, certificate, key or certificate)
    return context


def vendor_context(folder: Path, host: str) -> ssl.SSLContext:
    """How a vendor's host is met: `folder/HOST/` may hold its authority (ca.pem) and ours (client.pem, .key)."""
    ca, certificate, key = (folder / host / name for name in ("ca.pem", "client.pem", "client.key"))
    if certificate.exists():
        return client_context(ca if ca.exists() else None, certificate, key)
    return client_context(ca if ca.exists() else None)


def read_certificate(path: Path) -> CertificateFacts:
    """The first certificate of a PEM file; raises `NotFound` or `Invalid`."""
    try:
        found = x509.load_pem_x509_certificate(_there(path).read_bytes())
    except (ValueError, OSError) as error:
        raise Invalid("this is no certificate in PEM.", path=str(path), remedy="Name a certificate.") from error
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = tuple(str(name.value) for name in names)
    except x509.ExtensionNotFound:
        named = ()
    return CertificateFacts(
        subject=found.subject.rfc4514_string(),
        names=named,
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
        serial=f"{found.serial_number:x}",
    )


def offers_hybrid() -> bool:
    """Whether this runtime's OpenSSL offers X25519MLKEM768 by itself, as its own ClientHello shows."""
    return X25519MLKEM768 in offered_groups(_client_hello())


def offered_groups(hello: bytes) -> tuple[int, ...]:
    """The named groups in a TLS record with a ClientHello (RFC 8446 section 4.2.7); empty when it names none."""
    body = memoryview(hello)[5 + 4 + 2 + 32 :]  # record header, handshake header, version, random
    body = body[1 + body[0] :]  # session id
    body = body[2 + int.from_bytes(body[:2], "big") :]  # cipher suites
    body = body[1 + body[0] :]  # compression methods
    rest = body[2 : 2 + int.from_bytes(body[:2], "big")]
    while len(rest) >= 4:
        kind, size = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        if kind == _SUPPORTED_GROUPS:
            listed = bytes(rest[6 : 4 + size])
            return tuple(int.from_bytes(listed[at : at + 2], "big") for at in range(0, len(listed), 2))
        rest = rest[4 + size :]
    return ()


@dataclass(slots=True)
class _Renewing:
    """Looks at the files' times at each handshake (some microseconds); a new context takes over when they moved."""

    channel: Channel
    context: ssl.SSLContext
    stamps: tuple[int, ...]
    newest: ssl.SSLContext | None = field(default=None)

    def take_up(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Give this connection the newest files' context."""
        stamps = _stamps(self.channel)
        if stamps != self.stamps:
            self.stamps = stamps
            try:
                self.newest = _server_context(self.channel)
            except (BedrailError, OSError):
                return
        if self.newest is not None:
            connection.context = self.newest


def _server_context(channel: Channel) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # every connection proves itself anew: a revoked client resumes nothing
    _load_chain(context, channel.certificate, channel.key)
    if channel.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, channel.client_ca)
    if channel.crl is not None:
        if channel.client_ca is None:
            raise Invalid("a revocation list needs --client-ca.", path="--client-crl", remedy="Name both, or neither.")
        _trust(context, channel.crl)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def _load_chain(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    read_private(_there(key))
    try:
        context.load_cert_chain(_there(certificate), key, password="")  # never asks at the terminal
    except (ssl.SSLError, OSError, ValueError) as error:
        remedy = f"Name the chain in PEM and its unencrypted key ({key})."
        raise Invalid("certificate and key do not belong together.", path=str(certificate), remedy=remedy) from error


def _trust(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(cafile=str(_there(file)))
    except (ssl.SSLError, OSError) as error:
        raise Invalid("this holds no certificate or list in PEM.", path=str(file), remedy="Name a PEM file.") from error


def _there(path: Path) -> Path:
    if not path.is_file():
        raise NotFound("there is no such file.", path=str(path), remedy="bedrail tls init makes some for a lab.")
    return path


def _stamps(channel: Channel) -> tuple[int, ...]:
    stamps = []
    for path in (channel.certificate, channel.key, channel.client_ca, channel.crl):
        try:
            stamps.append(0 if path is None else path.stat().st_mtime_ns)
        except OSError:
            stamps.append(-1)
    return tuple(stamps)


def _client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    connection = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError
