"""Keyed pseudonyms: the same patient gives the same name, and without the key nobody can try identifiers."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from time import monotonic

from bedrail.core.errors import Unavailable

RETRY_SECONDS = 5.0


class HmacPseudonyms:
    """`core.ports.Pseudonyms`: HMAC-SHA-256 (RFC 2104, FIPS 198-1), first 128 bits as 32 hex characters."""

    __slots__ = ("_started",)

    def __init__(self, key: bytes) -> None:
        """`key` is 32 random bytes; raises ValueError when shorter."""
        if len(key) < 32:
            raise ValueError("a pseudonym key has at least 32 bytes")
        self._started = hmac.new(key, digestmod=sha256)

    def pseudonym(self, identifier: str) -> str:
        """32 hex characters for an identifier."""
        keyed = self._started.copy()
        keyed.update(identifier.encode())
        return keyed.hexdigest()[:32]


class HmacDigest:
    """`core.ports.KeyedDigest`: HMAC-SHA-256 over the kind, a zero byte and the value.

    It can be handed to a process of the same program (`multiprocessing`), and shows its key nowhere else.
    """

    __slots__ = ("_key", "_started")

    def __init__(self, key: bytes) -> None:
        """`key` is at least 32 random bytes; raises ValueError when shorter."""
        if len(key) < 32:
            raise ValueError("the key of a project has at least 32 bytes")
        self._key = key
        self._started = hmac.new(key, digestmod=sha256)

    @property
    def raw(self) -> bytes:
        """The key itself, for adapters of this room."""
        return self._key

    def __reduce__(self) -> tuple[type[HmacDigest], tuple[bytes, ...]]:
        """By its key: the started digest cannot be copied to another process."""
        return HmacDigest, (self._key,)

    def digest(self, kind: str, value: str) -> bytes:
        """32 bytes; lone surrogates in a value are kept as they are rather than refused."""
        keyed = self._started.copy()
        keyed.update(kind.encode() + b"\x00" + value.encode("utf-8", "surrogatepass"))
        return keyed.digest()


class TextHash:
    """HMAC-SHA-256 of text as 64 hex characters, under a key that is text: as de-identification tools elsewhere write
    it.
    """

    __slots__ = ("_key", "_started")

    def __init__(self, key: str) -> None:
        """`key` is what a configuration says; how strong it is, is its author's care."""
        self._key = key
        self._started = hmac.new(key.encode(), digestmod=sha256)

    def __reduce__(self) -> tuple[type[TextHash], tuple[str, ...]]:
        """By its key, for other processes."""
        return TextHash, (self._key,)

    def __call__(self, value: str) -> str:
        """64 hex characters."""
        keyed = self._started.copy()
        keyed.update(value.encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()


class LatePseudonyms:
    """`core.ports.Pseudonyms` whose key is fetched from its provider at the first use; raises `Unavailable` until then.

    After a failure the provider is left alone for five seconds: nobody at the bedside waits for it each time.
    """

    __slots__ = ("_failed", "_fetch", "_made")

    def __init__(self, fetch: Callable[[], bytes]) -> None:
        """`fetch()` gives the key."""
        self._fetch = fetch
        self._made: HmacPseudonyms | None = None
        self._failed: tuple[float, Unavailable] | None = None

    def pseudonym(self, identifier: str) -> str:
        """32 hex characters for an identifier; raises `Unavailable`."""
        if self._made is None:
            if self._failed is not None and monotonic() < self._failed[0]:
                raise self._failed[1]
            try:
                self._made = HmacPseudonyms(self._fetch())
            except Unavailable as error:
                self._failed = (monotonic() + RETRY_SECONDS, error)
                raise
        return self._made.pseudonym(identifier)
