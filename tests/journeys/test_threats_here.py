"""The threat model of a real home: what applies by its facts, and what closes when something is mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedrail.app import App
from bedrail.core.errors import NotFound
from bedrail.core.events.continuity import WitnessesAdopted
from bedrail.core.events.delivery import CandidateAdmitted, DeploymentMoved
from bedrail.core.events.governance import PersonAdded, UseCaseOpened
from bedrail.core.events.identity import ProviderTrusted
from bedrail.governance.threats import Standing
from bedrail.journeys.context import SYSTEM
from bedrail.stores.cosigned import CosignedStore
from bedrail.wiring.continuity import COSIGNED
from bedrail.wiring.threats import threats_here
from small_home import founded, told


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = founded(tmp_path / "home")
    yield made
    made.close()


def here(app: App, use_case: str = "", **door: object) -> dict[str, Standing]:
    """How each threat stands, by id."""
    return {each.id: each for each in threats_here(app.context, app.store, app.keys, use_case, **door)}


def case(app: App, name: str, kind: str, mode: str, tier: str = "low") -> None:
    """A use case with one candidate."""
    app.context.append(
        SYSTEM,
        "governance",
        UseCaseOpened(use_case=name, title="t", tier=tier, mode=mode, owner="olivia", charter="c" * 64),
        CandidateAdmitted(
            candidate=(name[0] * 64), use_case=name, name="n", kind=kind, origin="o", dataset="", author="x",
            signature="00",
        ),
    )  # fmt: skip


def test_the_facts_of_the_home_say_what_applies(app: App) -> None:
    """Vendor and own models, modes, the high tier; of one use case, or of all."""
    assert "artifacts.swapped" in here(app)
    assert "vendor.swap" not in here(app)
    case(app, "b-own", "linear", "inform")
    case(app, "d-vendor", "remote", "review", "high")
    own, vendor, both = here(app, "b-own"), here(app, "d-vendor"), here(app)
    for name, in_own, in_vendor in (
        ("artifacts.swapped", True, False),
        ("vendor.swap", False, True),
        ("clinicians.automation-bias", True, False),
        ("clinicians.blind-review", False, True),
        ("clinicians.rubber-stamp", False, False),
        ("clinicians.grave-harm", False, True),
        ("database.edit", True, True),
        ("database.dba", False, False),
    ):
        assert (name in own, name in vendor, name in both) == (in_own, in_vendor, in_own or in_vendor), name
    with pytest.raises(NotFound):
        here(app, "nothing-of-the-kind")


def test_sites_and_providers_bring_their_threats(app: App) -> None:
    """A person of one site, a deployment to one, a trusted provider."""
    assert not {"clinicians.wrong-site", "people.provider-lies"} & here(app).keys()
    trusted = ProviderTrusted(issuer="https://id.example", client="b", name="id", acr=(), amr=("mfa",))
    app.context.append(SYSTEM, "security", trusted)
    assert "people.provider-lies" in here(app)
    case(app, "e-sited", "linear", "inform")
    app.context.append(
        SYSTEM,
        "governance",
        DeploymentMoved(
            use_case="e-sited", candidate="e" * 64, from_stage="none", to_stage="pilot", sites=("north",), share=1000,
            until="2099-01-01T00:00:00+00:00",
        ),
    )  # fmt: skip
    assert "clinicians.wrong-site" in here(app, "e-sited")
    app.context.append(
        SYSTEM, "governance", PersonAdded(person="nora", name="Nora", roles=("clinician",), sites=("n",))
    )
    assert "clinicians.wrong-site" in here(app)


def test_a_witness_closes_what_its_absence_opened(app: App) -> None:
    """Adopted is not enough: its quorum must have cosigned."""
    absent = here(app)
    assert absent["witness.absent"].state == "open here"
    assert any("bedrail witness init" in what for what in absent["witness.absent"].missing)
    assert "witness.forgets" not in absent
    app.context.append(SYSTEM, "governance", WitnessesAdopted(policy="0" * 64))
    assert here(app)["witness.absent"].state == "open here"
    kept = CosignedStore(app.home / COSIGNED)
    kept.keep(app.origin, int(app.context.clock.now().timestamp()), 3, b"note", met=True)
    kept.close()
    assert here(app)["witness.absent"].state == "answered"
    assert here(app)["keys.signing-stolen"].state == "known gap"
    assert "witness.forgets" in here(app)


def test_a_server_without_tls_opens_the_network(app: App) -> None:
    """As for the address that it would be served at."""
    assert here(app)["network.listening"].state == "answered"
    assert here(app, host="0.0.0.0")["network.listening"].state == "open here"


def test_the_command_tells_it_in_words_and_json(app: App) -> None:
    """The open ones alone where asked; an unknown use case is exit code 2."""
    home, expected = app.home, here(app)
    app.close()
    ran = told("threats", "--json", home=home)
    assert ran.code == 0
    assert {each["id"]: each["state"] for each in json.loads(ran.out)} == {i: e.state for i, e in expected.items()}
    only = json.loads(told("threats", "--open", "--json", home=home).out)
    assert {each["state"] for each in only} == {"open here"}
    words = told("threats", "--open", home=home)
    assert "witness.absent" in words.out
    assert "known gap" in words.out.splitlines()[-1]
    assert told("threats", "nothing-of-the-kind", home=home).code == 2
