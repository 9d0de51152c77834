"""Every key provider keeps the same promises: file, PKCS #11 (SoftHSM), Vault transit (stand-in), AWS KMS (moto)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

from bedrail.core.errors import Corrupt, NotFound, Refused, Unavailable
from bedrail.core.ports import KeyProvider
from bedrail.keys.key_files import FileProvider
from bedrail.keys.kms import Credentials, KmsProvider, sign_v4, signed_headers
from bedrail.keys.pkcs11 import Pkcs11Provider
from bedrail.keys.transit import TransitProvider
from key_servers import PIN, TOKEN, Moto, TransitServer, free_port, softhsm

KEY, CONTEXT = bytes(range(32)), b'["bedrail-epoch/1","epoch-2","x"]'
PROVIDERS = ["file", "pkcs11", "vault", pytest.param("aws-kms", marks=pytest.mark.slow)]


@pytest.fixture
def hsm() -> str:
    return softhsm()


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    made = Moto()
    yield made
    made.close()


@pytest.fixture
def transit() -> Iterator[TransitServer]:
    made = TransitServer()
    yield made
    made.close()


@pytest.fixture(params=PROVIDERS)
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], KeyProvider]:
    """The same provider, each time as another process would open it; it holds no key yet."""
    if request.param == "file":
        return lambda: FileProvider(tmp_path / "kek")
    if request.param == "pkcs11":
        module, label = request.getfixturevalue("hsm"), f"kek-{tmp_path.parent.name}-{tmp_path.name}"
        return lambda: Pkcs11Provider(module, "bedrail", label, lambda: PIN)
    if request.param == "vault":
        address = request.getfixturevalue("transit").address
        return lambda: TransitProvider(address, "bedrail", lambda: TOKEN)
    address, alias = request.getfixturevalue("moto").address, f"alias/{tmp_path.name}"
    return lambda: KmsProvider(address, "eu-central-1", alias, lambda: Credentials("AKIATEST", "secret"))


@pytest.fixture
def provider(again: Callable[[], KeyProvider]) -> KeyProvider:
    made = again()
    made.renew()
    return made


def test_what_was_wrapped_opens_again(provider: KeyProvider, again: Callable[[], KeyProvider]) -> None:
    """Here and in another process, and nothing of the key can be read in it."""
    version, wrapped = provider.wrap(KEY, CONTEXT)
    assert version == provider.version()
    assert KEY not in wrapped
    assert provider.unwrap(version, wrapped, CONTEXT) == again().unwrap(version, wrapped, CONTEXT) == KEY
    assert provider.wrap(KEY, CONTEXT)[1] != wrapped
    provider.health()


def test_another_context_opens_nothing(provider: KeyProvider) -> None:
    """A wrapped key belongs to one purpose."""
    version, wrapped = provider.wrap(KEY, CONTEXT)
    with pytest.raises(Corrupt):
        provider.unwrap(version, wrapped, CONTEXT + b"x")


def test_changed_bytes_open_nothing(provider: KeyProvider) -> None:
    """Flipped, cut, or nothing at all."""
    version, wrapped = provider.wrap(KEY, CONTEXT)
    flipped = bytearray(wrapped)
    flipped[-3] ^= 1
    for wrong in (bytes(flipped), wrapped[:-5], wrapped[:4], b""):
        with pytest.raises(Corrupt):
            provider.unwrap(version, wrong, CONTEXT)
    assert provider.unwrap(version, wrapped, CONTEXT) == KEY


def test_a_renewed_key_wraps_and_earlier_ones_still_open(provider: KeyProvider) -> None:
    """Rotation needs both at once."""
    first, wrapped = provider.wrap(KEY, CONTEXT)
    second = provider.renew()
    assert second != first
    version, rewrapped = provider.wrap(KEY, CONTEXT)
    assert version == provider.version() == second
    assert provider.unwrap(first, wrapped, CONTEXT) == provider.unwrap(second, rewrapped, CONTEXT) == KEY
    with pytest.raises(Unavailable):  # Corrupt, but for moto, which calls it a missing permission
        provider.unwrap(second, wrapped, CONTEXT)


def test_a_destroyed_version_opens_nothing_and_the_newest_still_does(
    provider: KeyProvider, again: Callable[[], KeyProvider]
) -> None:
    """Not for another process either. Of KMS, which waits by design, the schedule: moto still decrypts meanwhile."""
    first, wrapped = provider.wrap(KEY, CONTEXT)
    provider.renew()
    second, rewrapped = provider.wrap(KEY, CONTEXT)
    said = provider.destroy(first)
    if provider.kind == "aws-kms":
        assert said.startswith("scheduled for 20")
        assert isinstance(provider, KmsProvider)
        told = provider._ask("DescribeKey", {"KeyId": first})["KeyMetadata"]
        assert told["KeyState"] == "PendingDeletion"
    else:
        assert said == "destroyed"
        for each in (provider, again()):
            with pytest.raises(NotFound):
                each.unwrap(first, wrapped, CONTEXT)
    assert again().unwrap(second, rewrapped, CONTEXT) == KEY


def test_a_provider_without_a_key_says_so(again: Callable[[], KeyProvider]) -> None:
    """And what makes one."""
    with pytest.raises(NotFound) as caught:
        again().version()
    assert caught.value.remedy


def test_a_token_gives_its_keys_to_nobody(hsm: str, tmp_path: Path) -> None:
    """Sensitive, not extractable, and they never were otherwise; a wrong PIN opens nothing and is not repeated."""
    import pkcs11

    provider = Pkcs11Provider(hsm, "bedrail", f"kek-{tmp_path.parent.name}-{tmp_path.name}", lambda: PIN)
    version = provider.renew()

    def look(session: pkcs11.Session) -> tuple[object, ...]:
        key = session.get_key(label=version)
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            key[pkcs11.Attribute.VALUE]
        names = ("SENSITIVE", "ALWAYS_SENSITIVE", "EXTRACTABLE", "NEVER_EXTRACTABLE")
        return tuple(key[getattr(pkcs11.Attribute, name)] for name in names)

    assert provider._ask(look) == (True, True, False, True)


WRONG_PIN = """
from bedrail.core.errors import Unavailable
from bedrail.keys.pkcs11 import Pkcs11Provider
for token, pin in (("bedrail", "wrong-pin"), ("absent", "1234-5678")):
    try:
        Pkcs11Provider({module!r}, token, "kek", lambda: pin).version()
    except Unavailable as error:
        print(error)
try:
    Pkcs11Provider("/absent.so", "bedrail", "kek", lambda: "x").version()
except Unavailable as error:
    print(error)
"""


def test_a_token_out_of_reach_is_unavailable(hsm: str) -> None:
    """A wrong PIN, another token, no module: in a process of its own, since a token remembers who signed in."""
    done = subprocess.run(
        [sys.executable, "-c", WRONG_PIN.format(module=hsm)], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("bedrail keys health") == 3
    assert "wrong-pin" not in done.stdout + done.stderr


def test_a_transit_engine_out_of_reach_is_unavailable(transit: TransitServer) -> None:
    """Not there, sealed, or the token is not good; no secret is repeated."""
    good = TransitProvider(transit.address, "bedrail", lambda: TOKEN)
    version, wrapped = (good.renew(), good.wrap(KEY, CONTEXT)[1])
    stranger = TransitProvider(transit.address, "bedrail", lambda: "hvs.stolen")
    absent = TransitProvider(f"http://127.0.0.1:{free_port()}", "bedrail", lambda: TOKEN)
    for out in (stranger, absent):
        with pytest.raises(Unavailable, match="keys health") as caught:
            out.unwrap(version, wrapped, CONTEXT)
        assert "hvs" not in str(caught.value)
    transit.sealed = True
    with pytest.raises(Unavailable):
        good.unwrap(version, wrapped, CONTEXT)
    transit.sealed = False
    assert good.unwrap(version, wrapped, CONTEXT) == KEY


def test_a_key_service_out_of_reach_is_unavailable() -> None:
    """Nobody listens there."""
    provider = KmsProvider(
        f"http://127.0.0.1:{free_port()}", "eu-central-1", "alias/x", lambda: Credentials("AKIATEST", "hush")
    )
    with pytest.raises(Unavailable, match="keys health") as caught:
        provider.version()
    assert "hush" not in str(caught.value)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """As every other key of the house."""
    provider = FileProvider(tmp_path / "kek")
    provider.renew()
    (tmp_path / "kek" / "kek-1.key").chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        provider.wrap(KEY, CONTEXT)


def test_requests_are_signed_as_the_reference_says() -> None:
    """The worked example of the AWS General Reference, "Signature Version 4 signing process" (iam:ListUsers, 2015)."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    request = (
        "GET\n/\nAction=ListUsers&Version=2010-05-08\ncontent-type:application/x-www-form-urlencoded; charset=utf-8\n"
        f"host:iam.amazonaws.com\nx-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n{empty}"
    )
    found = sign_v4(
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830T123600Z", "20150830/us-east-1/iam/aws4_request", request
    )
    assert found == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


@pytest.mark.slow
def test_another_implementation_makes_the_same_signature() -> None:
    """botocore, in moto's environment, signs the same request to the same header, session token included."""
    now, body = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC), b'{"KeyId": "alias/x"}'
    endpoint, target = "http://127.0.0.1:5000", "TrentService.DescribeKey"
    ours = signed_headers(
        Credentials("AKIATEST", "se/cret", "session"), "eu-west-1", "kms", endpoint, target, body, now
    )
    code = f"""
import datetime, botocore.auth as auth, botocore.compat as compat
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
moment = datetime.datetime(2026, 11, 22, 3, 4, 5, tzinfo=datetime.timezone.utc)
auth.get_current_datetime = lambda *a, **k: moment.replace(tzinfo=None)
headers = {{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": {target!r}}}
request = AWSRequest("POST", {endpoint + "/"!r}, data={body!r}, headers=headers)
auth.SigV4Auth(Credentials("AKIATEST", "se/cret", "session"), "kms", "eu-west-1").add_auth(request)
print(request.headers["X-Amz-Date"], request.headers["Authorization"])
"""
    python = Path(sys.prefix) / "moto" / "bin" / "python"
    done = subprocess.run([python, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == [ours["x-amz-date"], ours["authorization"] + "\n"]


@pytest.mark.slow
def test_a_key_service_that_checks_signatures_takes_ours_and_no_others() -> None:
    """Moto verifies the signature and the permission once it is told to: right, wrong secret, revoked."""
    server = Moto(open_calls=3)
    try:
        created = [
            {"Action": "CreateUser", "UserName": "bedrail"},
            {
                "Action": "PutUserPolicy",
                "UserName": "bedrail",
                "PolicyName": "kms",
                "PolicyDocument": json.dumps(
                    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}
                ),
            },
            {"Action": "CreateAccessKey", "UserName": "bedrail"},
        ]
        for fields in created:
            data = urlencode({**fields, "Version": "2010-05-08"}).encode()
            scope = "Credential=x/20261122/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x"
            sent = Request(server.address + "/", data=data, headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}"})
            with urlopen(sent, timeout=20) as answer:
                told = ElementTree.fromstring(answer.read())
        access, secret = (
            next(each.text or "" for each in told.iter() if each.tag.endswith(name))
            for name in ("AccessKeyId", "SecretAccessKey")
        )
        provider = KmsProvider(server.address, "us-east-1", "alias/bedrail", lambda: Credentials(access, secret))
        provider.renew()
        version, wrapped = provider.wrap(KEY, CONTEXT)
        assert provider.unwrap(version, wrapped, CONTEXT) == KEY
        wrong = KmsProvider(server.address, "us-east-1", "alias/bedrail", lambda: Credentials(access, secret + "x"))
        with pytest.raises(Unavailable, match="refuses"):
            wrong.unwrap(version, wrapped, CONTEXT)
    finally:
        server.close()
