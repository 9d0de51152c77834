"""Projects of de-identification: keys in other hands, re-identification by approved request, forgetting for ever."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bedrail.app import App, DeidDesk, open_home
from bedrail.core.errors import Corrupt, Invalid, NotFound, Refused
from bedrail.core.events import (
    DataDeidentified,
    PersonAdded,
    ReidentificationOpened,
    ReidentificationRequested,
    decode,
)
from bedrail.journeys import custody, deidentifying, reidentifying
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.values import Handled, Manifest
from custody_house import custody_house
from key_servers import TOKEN, TransitServer
from planted import MARK, Planted, search

STUDY = "sepsis-study"
SETTINGS = """
[providers.pseudonyms]
kind = "file"
folder = "{folder}/elsewhere"

[providers.escrow]
kind = "file"
folder = "{folder}/third-place"
"""


@pytest.fixture
def app(tmp_path: Path) -> App:
    """A home with custodians, a clinician who asks, and providers of its own for pseudonyms and escrow."""
    house = custody_house(tmp_path / "home")
    house.append(
        PersonAdded(person="dr-lee", name="Dr Lee", roles=("clinician",)),
        PersonAdded(person="paul", name="Paul", roles=("privacy-officer", "pseudonym-custodian")),
        PersonAdded(person="sam", name="Sam", roles=("data-scientist",)),
    )
    (house.app.home / "keys.toml").write_text(SETTINGS.format(folder=tmp_path))
    return house.app


def begin(app: App, name: str = STUDY, *, provider: str = "pseudonyms", escrow: str = "") -> None:
    deidentifying.add_project(
        app.context, DeidDesk.project_keys(app), DeidDesk.data_key_providers(app), "petra", name,
        provider=provider, escrow=escrow,
    )  # fmt: skip


def keyed(app: App, name: str = STUDY) -> Keyed:
    return Keyed(deidentifying.project_key(app.context, DeidDesk.project_keys(app), "sam", name))


def ask(app: App, *pseudonyms: str, person: str = "dr-lee", days: int = 7) -> str:
    words = {"purpose": "an incidental finding", "basis": "their vital interests"}
    return reidentifying.request(app.context, person, STUDY, pseudonyms, **words, days=days).request


def opened(app: App, name: str, **more: object) -> list[str]:
    found = reidentifying.open_request(app.context, DeidDesk.project_keys(app), "dr-lee", name, **more)  # type: ignore[arg-type]
    return [each.identifier for each in found]


def test_a_projects_key_is_its_own_and_rests_with_its_provider(app: App) -> None:
    """Two projects cannot be linked; the same project gives the same pseudonym; no key lies in the home as it is."""
    begin(app)
    begin(app, "other")
    one, again, other = keyed(app).pseudonym("mrn", "1"), keyed(app).pseudonym("mrn", "1"), keyed(app, "other")
    assert one == again != other.pseudonym("mrn", "1")
    held = json.loads((app.home / "keys" / "projects" / STUDY / "key.json").read_text())
    assert held["provider"] == "pseudonyms"
    assert not (app.home / "keys" / "projects" / STUDY / "key.key").exists()


def test_who_keeps_the_data_keys_does_not_keep_a_projects(app: App) -> None:
    """The provider of the data keys is refused for a project and for its escrow."""
    custody.rotate_kek(app.context, app.key_desk(), "kim", to="escrow")
    with pytest.raises(Refused, match="keeps the data keys"):
        begin(app, escrow="escrow")
    with pytest.raises(Refused, match="keeps the data keys"):
        begin(app, provider="escrow")
    with pytest.raises(NotFound):
        begin(app, provider="nowhere")


@pytest.mark.parametrize("name", ["", "Über", "../up", "a b", "a" * 64])
def test_a_project_has_a_plain_name(app: App, name: str) -> None:
    """Names become folders: nothing else than small letters, digits and dashes."""
    with pytest.raises(Invalid):
        begin(app, name)


def test_only_those_who_may_use_a_project(app: App) -> None:
    """Runs are for those who prepare data; a name that is no project says which there are."""
    begin(app)
    with pytest.raises(Refused):
        deidentifying.project_key(app.context, DeidDesk.project_keys(app), "rob", STUDY)
    with pytest.raises(NotFound, match=STUDY):
        keyed(app, "no-project")
    with pytest.raises(Refused, match="already"):
        begin(app)


def test_nobody_learns_who_it_is_before_two_others_approved(app: App) -> None:
    """The requester, one approver alone, the same person twice, and a stranger do not open it; two others do, once."""
    begin(app, escrow="escrow")
    pseudonym = keyed(app).pseudonym("mrn", "MRN-77")
    name = ask(app, pseudonym)
    with pytest.raises(Refused, match="waits for"):
        opened(app, name)
    reidentifying.approve(app.context, "paul", name)
    with pytest.raises(Refused, match="already"):
        reidentifying.approve(app.context, "paul", name)
    with pytest.raises(Refused):
        reidentifying.approve(app.context, "dr-lee", name)
    with pytest.raises(Refused, match="waits for"):
        opened(app, name)
    reidentifying.approve(app.context, "pia", name)
    with pytest.raises(Refused, match="whoever asked"):
        reidentifying.open_request(app.context, DeidDesk.project_keys(app), "petra", name)
    assert opened(app, name) == ["MRN-77"]
    with pytest.raises(Refused, match="opened"):
        opened(app, name)


def test_who_asks_does_not_approve(app: App) -> None:
    """A privacy officer who asks needs another one."""
    begin(app, escrow="escrow")
    name = ask(app, keyed(app).pseudonym("mrn", "1"), person="petra")
    with pytest.raises(Refused, match="themselves"):
        reidentifying.approve(app.context, "petra", name)


def test_a_request_ends_by_denial_or_by_time(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A denied request, one taken back and an expired one are neither approved nor opened."""
    begin(app, escrow="escrow")
    pseudonym = keyed(app).pseudonym("mrn", "1")
    denied, back, late = ask(app, pseudonym), ask(app, pseudonym), ask(app, pseudonym, days=1)
    reidentifying.deny(app.context, "petra", denied, "no legal basis")
    reidentifying.deny(app.context, "dr-lee", back, "not needed any more")
    for name in (denied, back):
        with pytest.raises(Refused, match="denied"):
            reidentifying.approve(app.context, "pia", name)
    reidentifying.approve(app.context, "pia", late)
    reidentifying.approve(app.context, "petra", late)
    now = app.context.clock.now()
    monkeypatch.setattr(type(app.context.clock), "now", lambda _: now + timedelta(days=2))
    with pytest.raises(Refused, match="expired"):
        opened(app, late)


def approved(app: App, *pseudonyms: str) -> str:
    name = ask(app, *pseudonyms)
    reidentifying.approve(app.context, "petra", name)
    reidentifying.approve(app.context, "pia", name)
    return name


def test_without_an_escrow_candidates_are_tried(app: App) -> None:
    """Only candidates whose pseudonym was asked for come back; UIDs are asked for as they stand in the images."""
    begin(app)
    uid, other = keyed(app).uid("1.2.840.1"), keyed(app).pseudonym("subject", "C")
    name = approved(app, uid, other)
    with pytest.raises(NotFound, match="no escrow"):
        opened(app, name)
    assert sorted(opened(app, name, candidates=["A", "1.2.840.1", "B", "C", "D"])) == ["1.2.840.1", "C"]


def test_what_a_short_field_had_to_cut_off_is_found_by_what_is_left(app: App) -> None:
    """The first 16 digits, as HL7 v2 writes a facility's code, are enough; fewer are not asked for."""
    begin(app, escrow="escrow")
    pseudonym = keyed(app).pseudonym("facility", "St Elsewhere")
    assert opened(app, approved(app, pseudonym[:16])) == ["St Elsewhere"]
    assert opened(app, approved(app, pseudonym[:20]), candidates=["X", "St Elsewhere"]) == ["St Elsewhere"]
    with pytest.raises(Invalid):
        ask(app, pseudonym[:15])


def test_the_escrow_answers_for_runs_in_other_processes_too(app: App) -> None:
    """Each process seals into a file of its own; only pseudonyms that were asked for are opened."""
    import pickle

    begin(app, escrow="escrow")
    digest = deidentifying.project_key(app.context, DeidDesk.project_keys(app), "sam", STUDY)
    made = [Keyed(pickle.loads(pickle.dumps(digest))).pseudonym("mrn", f"patient {n}") for n in range(3)]
    assert len(list((app.home / "keys" / "projects" / STUDY / "escrow").glob("*.sealed"))) == 3
    assert opened(app, approved(app, made[1], "0" * 32)) == ["patient 1"]


def test_an_escrow_entry_moved_to_another_pseudonym_does_not_open(app: App) -> None:
    """Whoever can write files of the home cannot make one pseudonym answer for another."""
    begin(app, escrow="escrow")
    keys = keyed(app)
    one, two = keys.pseudonym("mrn", "1"), keys.pseudonym("mrn", "2")
    file = next((app.home / "keys" / "projects" / STUDY / "escrow").glob("*.sealed"))
    lines = [line.split() for line in file.read_text().splitlines()]
    file.write_text(f"{one} {lines[1][1]}\n{two} {lines[0][1]}\n")
    with pytest.raises(Corrupt):
        opened(app, approved(app, one))


def test_a_forgotten_project_is_unlinkable_for_ever(app: App) -> None:
    """Key and escrow are gone, also from copies of the key folder; other projects and pseudonyms stay as they were."""
    custody.move_pseudonyms(app.context, app.key_desk(), "pia", "pseudonyms")
    patient = app.context.pseudonyms.pseudonym("p-1")
    begin(app, escrow="escrow")
    begin(app, "other", escrow="escrow")
    pseudonym, other = keyed(app).pseudonym("mrn", "1"), keyed(app, "other").pseudonym("mrn", "1")
    copied = {path: path.read_bytes() for path in (app.home / "keys" / "projects" / STUDY).rglob("*") if path.is_file()}
    name = approved(app, pseudonym)
    certificate, signed = deidentifying.retire_project(
        app.context, DeidDesk.project_keys(app), "petra", STUDY, "study ended"
    )
    assert DeidDesk.check_certificate(signed, app.context.signer.public_key) == certificate
    with pytest.raises(Corrupt):
        DeidDesk.check_certificate(signed.replace(b"study ended", b"study began"), None)
    with pytest.raises(Refused, match="retired"):
        keyed(app)
    with pytest.raises(Refused, match="retired"):
        opened(app, name)
    for path, data in copied.items():  # a copy taken before comes back, and opens nowhere
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
    with pytest.raises((NotFound, Corrupt)):
        DeidDesk.project_keys(app).digest(STUDY)
    with pytest.raises((NotFound, Corrupt)):
        DeidDesk.project_keys(app).behind(STUDY, [pseudonym])
    assert keyed(app, "other").pseudonym("mrn", "1") == other
    assert DeidDesk.project_keys(app).behind("other", [other]) == {other: ("mrn", "1")}
    app.close()
    assert open_home(app.home).context.pseudonyms.pseudonym("p-1") == patient


def test_where_versions_are_destroyed_up_to_one_all_other_secrets_live_on(app: App) -> None:
    """With a key server that can only trim old versions: after a project is forgotten, and after the key of pseudonyms
    is moved away, every other project, escrow and pseudonym is what it was."""
    server = TransitServer()
    try:
        (app.home / "token").write_text(TOKEN)
        (app.home / "token").chmod(0o600)
        (app.home / "keys.toml").write_text(
            (app.home / "keys.toml").read_text()
            + f'[providers.bao]\nkind = "vault"\naddress = "{server.address}"\nkey = "bedrail-pseudonyms"\n'
            + f'token = "file:{app.home}/token"\n'
        )
        begin(app, "first", provider="bao", escrow="bao")
        custody.move_pseudonyms(app.context, app.key_desk(), "pia", "bao")
        patient = app.context.pseudonyms.pseudonym("p-1")
        begin(app, provider="bao")
        begin(app, "last", provider="bao", escrow="escrow")
        made = {name: keyed(app, name).pseudonym("subject", "1") for name in ("first", "last")}
        with pytest.raises(Refused, match="keys of pseudonyms"):
            custody.rotate_kek(app.context, app.key_desk(), "kim", to="escrow")
        certificate, _ = deidentifying.retire_project(
            app.context, DeidDesk.project_keys(app), "petra", STUDY, "study ended"
        )
        assert certificate.provider == "bao: destroyed"
        custody.move_pseudonyms(app.context, app.key_desk(), "pia", "pseudonyms")
        assert {name: keyed(app, name).pseudonym("subject", "1") for name in made} == made
        assert DeidDesk.project_keys(app).behind("first", [made["first"]]) == {made["first"]: ("subject", "1")}
        app.close()
        assert open_home(app.home).context.pseudonyms.pseudonym("p-1") == patient
    finally:
        server.close()


def test_a_run_is_on_record_with_its_manifest_and_without_values(app: App) -> None:
    """The fact names medium, project, profile and the outputs' digests; the manifest is an artifact."""
    begin(app)
    manifest = Manifest(
        medium="text", profile="p", project=STUDY, inputs=("a" * 64,), outputs=("b" * 64,), records=3, failed=0,
        handled=(Handled(place="NAME", action="masked", rule="45 CFR 164.514(b)(2)(i)(A)", count=5),),
    )  # fmt: skip
    digest = deidentifying.record_run(app.context, "sam", manifest)
    fact = app.context.registry.deidentification.runs["b" * 64]
    assert (fact.manifest, fact.records, fact.project) == (digest, 3, STUDY)
    assert isinstance(fact, DataDeidentified)
    assert app.context.registry.deidentification.projects[STUDY].runs == 1


def test_identifiers_stand_in_no_fact_no_file_and_no_message(app: App, tmp_path: Path) -> None:
    """After runs, requests and an opened answer, no byte of the home holds an identifier; only the answer does."""
    planted = Planted(3)
    begin(app, escrow="escrow")
    keys = keyed(app)
    made = {keys.pseudonym("mrn", name): name for name in (planted.new() for _ in range(20))}
    name = approved(app, *made)
    assert sorted(opened(app, name)) == sorted(made.values())
    looked, found = search(tmp_path, planted)
    assert looked > 1000
    assert found == []
    facts = [decode(data).fact for _, data in app.context.tape.registry_entries(0)]
    assert any(isinstance(fact, ReidentificationRequested) for fact in facts)
    assert next(fact for fact in facts if isinstance(fact, ReidentificationOpened)).found == 20
    assert MARK not in repr(facts)
