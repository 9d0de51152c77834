"""Names, signatures, authors and charters on the way to a deployment."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bedrail.app import App, create_home
from bedrail.core.errors import Corrupt, Invalid, NotFound, Refused
from bedrail.core.events import CandidateAdmitted, DeploymentMoved
from bedrail.governance.values import Open
from bedrail.governance.views import Registry
from bedrail.journeys import admission, delivery
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.upkeep import add_person, open_installation
from bedside_house import CHARTER as CHARTER_TEXT
from bedside_house import CONTRACT, features_toml, linear_package

CASE = "falls-7d"


def _charter(threshold: str = "0.3") -> str:
    text = CHARTER_TEXT.format(use_case=CASE, mode="confirm", width=1.0, budget=250) + features_toml(CONTRACT)
    return text.replace("threshold = 0.3", f"threshold = {threshold}")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A home with people and an open use case."""
    made = create_home(tmp_path / "home", "hospital.example/ledger")
    open_installation(made.context, made.origin, "olivia", made.public_names())
    for person, role in (("dr-adams", "clinical-lead"), ("sam", "data-scientist"), ("sue", "data-scientist")):
        add_person(made.context, "olivia", person, person, (role,))
    delivery.open_use_case(made.context, "olivia", _charter())
    yield made
    made.close()


def _admit(app: App, person: str, name: str = "falls-1", seed: int = 1) -> str:
    package, model = linear_package(name, seed)
    return admission.admit_candidate(app.context, person, CASE, package, model, origin="test")


@pytest.mark.parametrize("name", ["../../escaped", "a/b", ".hidden", "-x", "two words", "x" * 65])
def test_a_candidates_name_is_no_path(app: App, name: str) -> None:
    """Reports are written under it, so it may not lead anywhere else."""
    with pytest.raises(Invalid, match="name of a candidate"):
        _admit(app, "sam", name)


def test_admitting_the_same_bytes_again_does_not_change_their_author(app: App) -> None:
    """Otherwise a colleague could repeat a training and free its author to approve it."""
    digest = _admit(app, "sam")
    assert _admit(app, "sue") == digest
    assert app.context.use_case(CASE).candidates[digest].author == "sam"


def test_a_deployment_checks_the_signature_too(app: App) -> None:
    """Bytes that match their digest are not enough: this installation must have signed it."""
    ctx = app.context
    digest = _admit(app, "sam")
    assert "package.json" in delivery.load_candidate(ctx, digest)
    known = ctx.use_case(CASE).candidates
    known[digest] = dataclasses.replace(known[digest], signature="00" * 64)
    with pytest.raises(Corrupt, match="signature"):
        delivery.load_candidate(ctx, digest)
    with pytest.raises(Refused, match="never admitted"):
        delivery.load_candidate(ctx, "e" * 64)


def test_a_changed_charter_takes_what_serves_out_of_sight(app: App) -> None:
    """Nobody approved the new threshold: the version goes back to shadow in the same commit."""
    ctx = app.context
    digest = _admit(app, "sam")
    until = (ctx.clock.now() + timedelta(days=1)).isoformat(timespec="seconds")
    moved = DeploymentMoved(
        use_case=CASE, candidate=digest, from_stage="", to_stage="general", sites=(), share=1000, until=until
    )
    ctx.append(SYSTEM, "governance", moved)
    delivery.open_use_case(ctx, "olivia", _charter())
    deployment = ctx.use_case(CASE).deployment
    assert deployment is not None
    assert deployment.stage == "general"
    size = ctx.ledger.head().size
    delivery.open_use_case(ctx, "olivia", _charter("0.01"))
    deployment = ctx.use_case(CASE).deployment
    assert deployment is not None
    assert (deployment.stage, deployment.reason) == ("shadow", "the charter changed")
    assert ctx.ledger.head().size == size + 2


def test_the_first_author_stays_whatever_the_ledger_says_later(app: App) -> None:
    """The fold itself keeps the author, so older ledgers are read the same way."""
    digest = _admit(app, "sam")
    view = app.context.use_case(CASE).candidates[digest]
    again = CandidateAdmitted(
        candidate=digest, use_case=CASE, name=view.name, kind=view.kind, origin="", dataset="", author="sue",
        signature=view.signature,
    )  # fmt: skip
    app.context.append(SYSTEM, "research", again)
    assert app.context.use_case(CASE).candidates[digest].author == "sam"


@pytest.mark.parametrize("gone", [False, True])
def test_a_rollback_passes_over_an_earlier_version_whose_bytes_changed(
    app: App, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """The version before that one serves; when every earlier one is broken, that is what is said."""
    ctx = app.context
    until = (ctx.clock.now() + timedelta(days=1)).isoformat(timespec="seconds")
    digests = [_admit(app, "sam", f"falls-{n}", n) for n in (1, 2, 3)]
    for digest in digests:
        moved = DeploymentMoved(
            use_case=CASE, candidate=digest, from_stage="", to_stage="general", sites=(), share=1000, until=until
        )
        ctx.append(SYSTEM, "governance", moved)

    def opened(_policy: object, registry: Registry, _case: str, candidate: str, stage: str, _now: object) -> Open:
        return Open(
            use_case=CASE, candidate=candidate, candidate_name="", stage=stage, policy=registry.policy, judged_at="",
            criteria=(), conditions=(), obligations=(), until=until, until_epoch=0.0,
        )  # fmt: skip

    monkeypatch.setattr(delivery, "judge", opened)
    _spoil(app, digests[1], gone=gone)
    assert delivery.roll_back(ctx, "dr-adams", CASE, "alarms").candidate == digests[0]
    _spoil(app, digests[2], gone=gone)
    with pytest.raises(NotFound if gone else Corrupt):
        delivery.roll_back(ctx, "dr-adams", CASE, "alarms")


def _spoil(app: App, digest: str, *, gone: bool = False) -> None:
    """Change a byte of a stored package, or take it away."""
    (folder,) = app.context.home.rglob(digest)
    if gone:
        folder.rename(app.context.home / f"away-{digest[:8]}")
        return
    file = next(path for path in sorted((folder / "files").rglob("*")) if path.is_file())
    file.chmod(0o600)
    file.write_bytes(file.read_bytes() + b" ")


def test_reports_are_whole_and_for_this_account_only(app: App) -> None:
    """A report is replaced in one step: one that cannot be written leaves the former, and no scrap."""
    ctx = app.context
    path = admission.write_report(ctx, CASE, "page.html", "first")
    admission.write_report(ctx, CASE, "page.html", "second")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("second", 0o600)
    with pytest.raises(UnicodeEncodeError):
        admission.write_report(ctx, CASE, "page.html", "third \udcff")
    assert path.read_text() == "second"
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]


def test_admitting_a_refused_package_again_mends_its_bytes_and_lifts_the_refusal(app: App) -> None:
    """The bytes are written anew and checked; from then on the candidate loads."""
    ctx = app.context
    digest = _admit(app, "sam")
    assert delivery.load_candidate(ctx, digest)
    _spoil(app, digest)
    with pytest.raises(Corrupt):
        delivery.load_candidate(ctx, digest)
    assert digest in ctx.refresh().refused_artifacts
    assert _admit(app, "sam") == digest
    assert digest not in ctx.registry.refused_artifacts
    assert delivery.load_candidate(ctx, digest)
