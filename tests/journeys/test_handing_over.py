"""A candidate with its papers, as whoever receives it checks them: each change anywhere is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from bedrail.app import open_home, verify_package
from bedrail.core.errors import Corrupt
from bedrail.core.events import CandidateExported, decode
from bedrail.keys.model_signing import PackageSigner
from bedrail.keys.signing import verify_mldsa44
from bedrail.ledger.cosignature import parse_cosigner_key
from bedrail.ledger.merkle import leaf_hash
from small_home import CASE, copied, opened, told

KINDS = {
    "https://slsa.dev/provenance/v1",
    "https://in-toto.io/attestation/test-result/v0.1",
    *(
        f"https://bedrail.example/attestation/{action}/v1"
        for action in ("dataset.admitted", "dataset.split", "approval.given", "gate.judged", "deployment.moved")
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory, "handing")


@pytest.fixture(scope="module")
def original(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, bytes]:
    """The exported folder, and the two public keys as the sender tells them."""
    folder = tmp_path_factory.mktemp("handed") / "baseline"
    ran = told("--as", "rob", "candidates", "export", CASE, str(folder), "--candidate", "baseline", "--json", home=home)
    assert ran.code == 0, ran.err
    return folder, bytes.fromhex(json.loads(ran.out)["key"]), (folder / "model.pem").read_bytes()


@pytest.fixture
def handed(original: tuple[Path, bytes, bytes], tmp_path: Path) -> Path:
    shutil.copytree(original[0], tmp_path / "handed")
    return tmp_path / "handed"


def statements(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted((folder / "lineage").iterdir())]


def test_what_was_handed_over_verifies_without_the_home(original: tuple[Path, bytes, bytes], handed: Path) -> None:
    """With both keys pinned it is known whose it is; without, only that it is whole."""
    _, key, pem = original
    found = verify_package(handed, key, pem)
    assert found.pinned
    assert found.origin == "small.hospital.example/bedrail"
    assert set(found.files) == {"model.json", "package.json"}
    assert found.statements == len(list((handed / "lineage").iterdir())) >= 10
    assert found.candidate == sha256((handed / "manifest.json").read_bytes()).hexdigest()
    assert not verify_package(handed, None, None).pinned


def test_that_it_left_is_on_record(home: Path, original: tuple[Path, bytes, bytes]) -> None:
    """With the digest of the key and of the signature that went along."""
    folder, _, pem = original
    with opened(home) as app:
        facts = [decode(data).fact for _, data in app.store.registry_entries(0)]
    (left,) = [fact for fact in facts if isinstance(fact, CandidateExported)]
    assert left.key == sha256(pem).hexdigest()
    assert left.signature == sha256((folder / "model.sig").read_bytes()).hexdigest()


def _swap_statements(folder: Path) -> None:
    first, second, *_ = sorted((folder / "lineage").iterdir())
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def _edit(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        data = (folder / name).read_bytes()
        assert old in data
        (folder / name).write_bytes(data.replace(old, new, 1))

    return apply


TAMPERING: list[Callable[[Path], object]] = [
    lambda folder: (folder / "package" / "model.json").write_bytes(b"{}"),
    lambda folder: (folder / "package" / "model.json").unlink(),
    lambda folder: (folder / "package" / "extra").write_bytes(b""),
    lambda folder: (folder / "package" / ".git").mkdir(),
    lambda folder: (folder / "package" / "model.json").chmod(0o755),
    lambda folder: (folder / "extra").write_bytes(b""),
    lambda folder: (folder / "lineage" / "extra").write_bytes(b""),
    lambda folder: shutil.rmtree(folder / "lineage"),
    lambda folder: (folder / "manifest.json").write_bytes(b"{}"),
    _edit("manifest.note", b"bedrail-package/1", b"bedrail-package/2"),
    _edit("bom.cdx.json", b'"supervised"', b'"unsupervised"'),
    _edit("bom.dsse.json", b'"payload": "e', b'"payload": "f'),
    _edit("model.sig", b'"mediaType"', b'"mediaTypo"'),
    _edit("model.sig", b'"hint"', b'"hine"'),
    _edit("model.sig", b'{"mediaType"', b'{"note":"x","mediaType"'),
    _edit("bom.dsse.json", b'"keyid"', b'"keyix"'),
    _edit("model.sig", b'"payload":"e', b'"payload":"f'),
    lambda folder: (folder / "second.sig").write_bytes(bytes(2420)),
    lambda folder: (folder / "second.sig").unlink(),
    lambda folder: (folder / "second.vkey").unlink(),
    _swap_statements,
]


@pytest.mark.parametrize("tamper", TAMPERING)
def test_any_change_to_the_folder_is_refused(handed: Path, tamper: Callable[[Path], object]) -> None:
    """Package, manifest, note, signature, lineage, bill of materials: also with the enclosed keys believed."""
    tamper(handed)
    with pytest.raises(Corrupt):
        verify_package(handed, None, None)


def test_a_folder_signed_by_somebody_else_fails_the_pinned_keys(
    original: tuple[Path, bytes, bytes], tmp_path: Path
) -> None:
    """It may be whole in itself; it is not the sender's."""
    folder, key, pem = original
    with pytest.raises(Corrupt, match="another key"):
        verify_package(folder, bytes(32), pem)
    with pytest.raises(Corrupt, match="another key"):
        verify_package(folder, key, PackageSigner(tmp_path).public_pem)


def test_the_second_signature_is_post_quantum_and_may_be_pinned(handed: Path, tmp_path: Path) -> None:
    """With its key pinned it must be there; by another key it does not count."""
    key = parse_cosigner_key((handed / "second.vkey").read_text())
    assert (key.algorithm, len(key.public_key)) == ("ml-dsa-44", 1312)
    said = (handed / "manifest.note").read_bytes().split(b"\n\n")[0] + b"\n"
    assert verify_mldsa44(key.public_key, said, (handed / "second.sig").read_bytes())
    assert verify_package(handed, None, None, key.public_key).post_quantum
    with pytest.raises(Corrupt, match="another key"):
        verify_package(handed, None, None, bytes(1312))
    (tmp_path / "second.vkey").write_text(key.vkey())
    ran = told("candidates", "verify", str(handed), "--second-key", str(tmp_path / "second.vkey"), "--json")
    assert json.loads(ran.out)["post_quantum"] is True
    (tmp_path / "keys").write_text((handed / "key.vkey").read_text() + key.vkey() + "\n")  # as `ledger keys` prints
    assert told("candidates", "verify", str(handed), "--second-key", str(tmp_path / "keys")).code == 0
    assert told("candidates", "verify", str(handed), "--second-key", str(handed / "key.vkey")).code == 2
    for name in ("second.sig", "second.vkey"):
        (handed / name).unlink()
    assert not verify_package(handed, None, None).post_quantum
    with pytest.raises(Corrupt, match=r"second\.sig"):
        verify_package(handed, None, None, key.public_key)


def test_the_lineage_tells_the_whole_way(original: tuple[Path, bytes, bytes], home: Path) -> None:
    """Another implementation verifies each envelope; each names its entry in the ledger, from data to deployment."""
    folder, key, _ = original
    name = sha256(key).hexdigest()
    public = SSlibKey(name, "ed25519", "ed25519", {"public": key.hex()})
    said = []
    for data in statements(folder):
        envelope = Envelope.from_dict(data)
        assert list(envelope.verify([public], 1)) == [name]
        said.append(json.loads(envelope.payload))
    assert {each["predicateType"] for each in said} == KINDS
    with opened(home) as app:
        entries = dict(app.store.registry_entries(0))
    for each in said:
        place = each["predicate"]["ledger"]
        assert leaf_hash(entries[place["index"]]).hex() == place["leaf"]
    (made,) = [each for each in said if each["predicateType"].startswith("https://slsa.dev")]
    definition = made["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["recipe"] == "logistic"
    table = said[0]["subject"][0]["digest"]["sha256"]
    assert table in {each["digest"]["sha256"] for each in definition["resolvedDependencies"]}
    assert said[-1]["predicate"]["fact"]["to_stage"] == "general"


@pytest.mark.slow
def test_the_bill_of_materials_is_valid_cyclonedx(home: Path) -> None:
    """Held against the schema of CycloneDX 1.6: a model card with evidence, the data, files and libraries."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    for candidate in ("baseline", "boosted"):
        ran = told("candidates", "bom", CASE, "--candidate", candidate, home=home)
        assert ran.code == 0, ran.err
        errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(ran.out)
        assert errors is None, errors
        bom = json.loads(ran.out)
        model = bom["metadata"]["component"]
        assert model["type"] == "machine-learning-model"
        metrics = {each["type"] for each in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]}
        assert "discrimination.auroc" in metrics
        assert {each["type"] for each in bom["components"]} == {"file", "data", "library"}
        (data,) = [each for each in bom["components"] if each["type"] == "data"]
        assert model["modelCard"]["modelParameters"]["datasets"] == [{"ref": data["bom-ref"]}]


def test_a_broken_bill_of_materials_would_be_found(home: Path) -> None:
    """The validator that the test above relies on refuses a word that CycloneDX does not know."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    bom = told("candidates", "bom", CASE, home=home).out.replace('"supervised"', '"guessed"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom) is not None


def test_who_may_not_hand_over_is_refused(home: Path, tmp_path: Path) -> None:
    """A clinician; nor does anything go into a folder that holds something."""
    assert told("--as", "dr-lee", "candidates", "export", CASE, str(tmp_path / "x"), home=home).code == 1
    assert not (tmp_path / "x").exists()
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "note").write_bytes(b"")
    assert told("--as", "rob", "candidates", "export", CASE, str(tmp_path / "y"), home=home).code == 1


def test_a_changed_package_is_not_handed_over(home: Path, tmp_path: Path) -> None:
    """The store's own check comes first."""
    own = tmp_path / "home"
    shutil.copytree(home, own)
    app = open_home(own)
    digest = app.context.use_case(CASE).candidates
    chosen = next(c for c in digest.values() if c.name == "baseline")
    app.close()
    (own / "artifacts" / "trees" / chosen.candidate / "files" / "model.json").write_bytes(b"{}")
    ran = told("--as", "rob", "candidates", "export", CASE, str(tmp_path / "x"), "--candidate", "baseline", home=own)
    assert ran.code == 3


def test_verify_says_what_it_found(original: tuple[Path, bytes, bytes], handed: Path, tmp_path: Path) -> None:
    """Exit 0 with the candidate; 3 for a changed folder, 2 for what is none or a key that is none."""
    (tmp_path / "sender.pem").write_bytes(original[2])
    pinned = ("--key", original[1].hex(), "--model-key", str(tmp_path / "sender.pem"))
    ran = told("candidates", "verify", str(handed), *pinned, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["pinned"] is True
    assert "believed" in told("candidates", "verify", str(handed)).out
    bare = ("candidates", "verify", str(handed / "package"), "--signature", str(handed / "model.sig"))
    assert told(*bare, "--model-key", str(tmp_path / "sender.pem")).code == 0
    assert told(*bare).code == 2
    assert told("candidates", "verify", str(handed), "--key", "zz").code == 2
    assert told("candidates", "verify", str(tmp_path / "nowhere")).code == 2
    (handed / "package" / "model.json").write_bytes(b"{}")
    ran = told("candidates", "verify", str(handed))
    assert (ran.code, "package/model.json" in ran.err) == (3, True)
