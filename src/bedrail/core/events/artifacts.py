"""Facts about what leaves the house or is reached from it: signed packages, addresses outside, an unsafe start."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class CandidateExported(FactStruct, frozen=True, kw_only=True, tag="candidate.exported"):
    """A package left with its signatures, lineage and bill of materials.

    `key` is the SHA-256 of the public key (PEM) that the OpenSSF signature was made with, `signature` the digest of
    that signature's file.
    """

    candidate: str
    key: str
    signature: str
    use_case: str


class EgressAllowed(FactStruct, frozen=True, kw_only=True, tag="egress.allowed"):
    """Models may be asked at this host and port from now on.

    `network` says where the host's addresses may lie: `public`, `private` or `loopback`.
    """

    host: str
    network: str
    port: int
    reason: str


class EgressClosed(FactStruct, frozen=True, kw_only=True, tag="egress.closed"):
    """Nothing is asked at this host and port from now on."""

    host: str
    port: int
    reason: str


class ServedUnsafely(FactStruct, frozen=True, kw_only=True, tag="server.started-unsafely"):
    """A server was started although the posture check found dangerous settings, named here, by who said so."""

    findings: tuple[str, ...]
    host: str
    port: int
