"""The key provider `aws-kms`: symmetric KMS keys over HTTPS, signed by our own Signature Version 4 (ADR 0010)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bedrail.core.errors import NOT_JSON, BedrailError, Corrupt, NotFound, Unavailable

TIMEOUT_SECONDS = 3.0
PENDING_DAYS = 7
"""KMS destroys a key at the earliest so long after it was asked to."""

_GONE = {"NotFoundException", "KMSInvalidStateException", "DisabledException"}
_WRONG = {"InvalidCiphertextException", "IncorrectKeyException"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; `session` is the token of temporary ones."""

    access: str
    secret: str
    session: str = ""


class KmsProvider:
    """`core.ports.KeyProvider` over Encrypt, Decrypt, DescribeKey, CreateKey, UpdateAlias and ScheduleKeyDeletion.

    A version is a KMS key of its own behind one alias, since the versions that KMS makes by itself cannot be destroyed
    apart. The context goes into the encryption context, which KMS authenticates and logs: it holds no secret.
    """

    kind = "aws-kms"
    algorithm = "SYMMETRIC_DEFAULT (AES-256-GCM) in KMS"

    def __init__(self, endpoint: str, region: str, alias: str, credentials: Callable[[], Credentials]) -> None:
        """`alias` names the key, such as `alias/bedrail`; `credentials()` is read for each request."""
        self._endpoint, self._region, self._alias = endpoint.rstrip("/"), region, alias
        self._credentials = credentials

    def version(self) -> str:
        """The key id behind the alias; raises `NotFound`."""
        return str(self._ask("DescribeKey", {"KeyId": self._alias})["KeyMetadata"]["KeyId"])

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        """The ciphertext blob as KMS gives it."""
        version = self.version()
        answer = self._ask("Encrypt", {"KeyId": version, "Plaintext": _b64(key), **_bound(context)})
        return version, base64.b64decode(answer["CiphertextBlob"])

    def unwrap(self, version: str, wrapped: bytes, context: bytes) -> bytes:
        """The key; raises `Corrupt`, or `NotFound` when the key is gone, disabled or about to be deleted."""
        answer = self._ask("Decrypt", {"KeyId": version, "CiphertextBlob": _b64(wrapped), **_bound(context)})
        return base64.b64decode(answer["Plaintext"])

    def renew(self) -> str:
        """A new KMS key, to which the alias then points."""
        made = self._ask("CreateKey", {"Description": "bedrail key-encryption key", "KeyUsage": "ENCRYPT_DECRYPT"})
        version = str(made["KeyMetadata"]["KeyId"])
        try:
            self._ask("UpdateAlias", {"AliasName": self._alias, "TargetKeyId": version})
        except NotFound:
            self._ask("CreateAlias", {"AliasName": self._alias, "TargetKeyId": version})
        return version

    def destroy(self, version: str) -> str:
        """Schedule the deletion as early as KMS permits; the key decrypts nothing from now on."""
        answer = self._ask("ScheduleKeyDeletion", {"KeyId": version, "PendingWindowInDays": PENDING_DAYS})
        due = answer.get("DeletionDate")
        day = (
            datetime.fromtimestamp(float(due), UTC) if due is not None else _now() + timedelta(days=PENDING_DAYS)
        ).date()
        return f"scheduled for {day.isoformat()}"

    def health(self) -> None:
        """Wrap and unwrap something."""
        version, wrapped = self.wrap(b"health", b"health")
        self.unwrap(version, wrapped, b"health")

    def _ask(self, action: str, body: Mapping[str, object]) -> dict[str, Any]:
        try:
            import httpx
        except ImportError as error:
            raise Unavailable(
                "httpx is not installed.", remedy="pip install 'bedrail[custody]', or use another key provider."
            ) from error
        data = msgspec.json.encode(body)
        headers = signed_headers(
            self._credentials(), self._region, "kms", self._endpoint, f"TrentService.{action}", data, _now()
        )
        try:
            answer = httpx.post(self._endpoint + "/", content=data, headers=headers, timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise _out(f"is out ({type(error).__name__})") from error
        try:
            decoded = msgspec.json.decode(answer.content or b"{}") or {}
        except NOT_JSON:
            decoded = None
        if answer.status_code != 200 or not isinstance(decoded, dict):
            raise _refused(decoded, answer.status_code)
        return decoded


def signed_headers(
    who: Credentials, region: str, service: str, endpoint: str, target: str, body: bytes, now: datetime
) -> dict[str, str]:
    """The headers of a POST to `/`, signed by Signature Version 4 (AWS General Reference, "Signing AWS requests")."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": urlsplit(endpoint).netloc,
        "x-amz-date": stamp,
        "x-amz-target": target,
    }
    if who.session:
        headers["x-amz-security-token"] = who.session
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"POST\n/\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    signature = sign_v4(who.secret, stamp, scope, request)
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={who.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def sign_v4(secret: str, stamp: str, scope: str, request: str) -> str:
    """The signature of a canonical request: the key is derived from the secret through each part of the scope."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    return hmac.new(key, to_sign.encode(), sha256).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


def _bound(context: bytes) -> dict[str, object]:
    return {"EncryptionContext": {"bedrail": context.decode()}}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _refused(answer: object, status: int) -> BedrailError:
    said = answer.get("__type", "") if isinstance(answer, dict) else ""
    name = str(said).rpartition("#")[2]
    if name in _GONE:
        return NotFound(
            "KMS has no such key, or destroys it.", remedy="bedrail keys list; then ask who keeps the keys."
        )
    if name in _WRONG:
        return Corrupt("The wrapped key does not open.", remedy="Restore it from the custodian's backup.")
    return _out(f"refuses ({name[:60] or status})")


def _out(what: str) -> Unavailable:
    return Unavailable(
        f"The key provider aws-kms {what}.",
        remedy="Check endpoint, region, credentials, their permissions and the clock; then: bedrail keys health.",
    )
