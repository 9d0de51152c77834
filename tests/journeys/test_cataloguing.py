"""The catalogue of data assets: scanned, rescanned, owned, confirmed; nothing of any value is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bedrail.app import App, Asked, source_of
from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import decode
from bedrail.journeys import cataloguing
from bedrail.journeys.catalogue_export import exported
from bedrail.journeys.cataloguing import Wanted, scan
from bedrail.journeys.home_assets import HomeSource
from bedrail.journeys.stewarding import confirm, draw, fields_of, own, retire
from small_home import copied, founded, opened, told

PLANTED = ("Abernathy", "Quentin", "078-05-1120", "quentin@mail.example", "8222157", "1931-07-04")


@pytest.fixture
def app(tmp_path: Path):
    """A home with people and policy."""
    app = founded(tmp_path / "home")
    yield app
    app.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a table and notes about one patient, whose values are planted."""
    folder = tmp_path / "ehr"
    folder.mkdir()
    rows = "".join(f"822215{each % 10},Quentin,Abernathy,1931-07-04,078-05-1120,I10\n" for each in range(30))
    (folder / "patients.csv").write_text(f"patient_id,first_name,last_name,dob,national_no,diag\n{rows}")
    note = "Mr Quentin Abernathy, SSN 078-05-1120, wrote from quentin@mail.example about his cough on 1931-07-04."
    lines = [json.dumps({"id": str(each), "text": note}) for each in range(5)]
    (folder / "notes.jsonl").write_text("\n".join(lines))
    return folder


def look(app: App, place: Path, **wanted) -> cataloguing.Scan:
    return scan(app.context, "sam", source_of(str(place), Asked()), Wanted(**wanted))


def everything(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_name_that_two_assets_share_is_answered_with_the_ends_of_their_ids(app: App, place: Path) -> None:
    """Exports of two systems have tables of one name: the remedy tells what to write, and writing it works."""
    look(app, place)
    other = place.with_name("archive")
    place.rename(other)
    place.mkdir()
    look(app, other)
    catalogue = app.context.registry.catalogue
    with pytest.raises(NotFound, match="more than one asset") as refused:
        catalogue.named("patients.csv")
    ends = refused.value.remedy.removeprefix("Name one of them: ").removesuffix(".").split(", ")
    assert {catalogue.named(end).location for end in ends} == {str(place / "patients.csv"), str(other / "patients.csv")}
    with pytest.raises(NotFound, match="no such asset"):
        catalogue.named("elsewhere.csv")


def test_a_scan_records_assets_and_fields_and_no_value(app: App, place: Path) -> None:
    """Names, types and levels are on record; no sampled value stands in ledger, artifact or any other file."""
    done = look(app, place, find=cataloguing.text_finder())
    assert [(each.name, each.state) for each in done.assets] == [("notes.jsonl", "new"), ("patients.csv", "new")]
    notes, patients = (app.context.registry.catalogue.named(each.asset) for each in done.assets)
    assert (notes.kind, patients.kind) == ("notes", "ehr-table")
    levels = {line.field.name: line.level for line in fields_of(app.context, patients)}
    assert levels == {
        "patient_id": "direct-identifier",
        "first_name": "direct-identifier",
        "last_name": "direct-identifier",
        "dob": "quasi-identifier",
        "national_no": "direct-identifier",
        "diag": "sensitive-health",
    }
    (text,) = [line.field.proposal for line in fields_of(app.context, notes) if line.field.name == "text"]
    assert text.level == "direct-identifier"
    assert "100%" in text.reason
    kept = everything(app.home)
    assert not [value for value in PLANTED if value.encode() in kept]


def test_a_dry_run_records_nothing(app: App, place: Path) -> None:
    """It says the same and writes neither fact nor artifact."""
    before, size = app.context.tape.head().size, everything(app.home)
    done = look(app, place, dry=True)
    assert [each.state for each in done.assets] == ["new", "new"]
    assert not done.recorded
    assert app.context.tape.head().size == before
    assert len(everything(app.home)) == len(size)


def test_a_rescan_reads_what_was_written_to_and_names_the_difference(app: App, place: Path) -> None:
    """Unchanged files are not read again; new, gone and changed fields are recorded; a lost file is missing."""
    look(app, place)
    assert [each.state for each in look(app, place).assets] == ["unchanged", "unchanged"]
    assert [each.state for each in look(app, place, again=True).assets] == ["same", "same"]
    rows = "".join(f"{each},Quentin,31,2020-01-01\n" for each in range(30))
    (place / "patients.csv").write_text(f"patient_id,first_name,dob,seen_on\n{rows}")
    (place / "notes.jsonl").unlink()
    done = look(app, place)
    assert {each.name: each.state for each in done.assets} == {"patients.csv": "changed", "notes.jsonl": "missing"}
    found = {(each.field, each.what) for each in done.assets[0].changes}
    assert found == {
        ("last_name", "gone"), ("national_no", "gone"), ("diag", "gone"), ("seen_on", "new"), ("dob", "type"),
    }  # fmt: skip
    (fact,) = [e.fact for _, data in app.context.tape.registry_entries(0) if (e := decode(data)) and
               type(e.fact).__name__ == "AssetScanned" and e.fact.gone]  # fmt: skip
    assert (fact.added, fact.gone, fact.changed) == (1, 3, 1)
    assert app.context.registry.catalogue.named("notes.jsonl").standing == "missing"


def test_a_scan_that_was_cut_short_goes_on_where_it_stopped(app: App, place: Path) -> None:
    """Each asset is on record as soon as it was read; the rest follows with --resume, whatever the source."""
    seen = 0

    def stop(_label: str, _rows: int) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(app, place, told=stop)
    assert [view.name for view in app.context.refresh().catalogue.assets.values()] == ["notes.jsonl"]
    assert [each.state for each in look(app, place, resume=True).assets] == ["unchanged", "new"]


def test_owner_purpose_and_system_are_said_and_stay(app: App, place: Path) -> None:
    """What is not said stays; the owner must work here."""
    look(app, place)
    own(app.context, "olivia", "patients.csv", owner="dr-adams", purpose="care", system="Epic")
    view = own(app.context, "olivia", "patients.csv", purpose="care and quality")
    assert (view.owner, view.purpose, view.system) == ("dr-adams", "care and quality", "Epic")
    with pytest.raises(NotFound, match="nobody of that name"):
        own(app.context, "olivia", "patients.csv", owner="mallory")
    with pytest.raises(Invalid):
        own(app.context, "olivia", "patients.csv", kind="spreadsheet")
    with pytest.raises(Refused):
        own(app.context, "sam", "patients.csv", owner="sam")


def test_a_steward_accepts_and_corrects(app: App, place: Path) -> None:
    """A correction to less needs a reason; what was decided counts, until a scan proposes worse."""
    look(app, place)
    ctx = app.context
    with pytest.raises(Invalid, match="less sensitive than proposed"):
        confirm(ctx, "priya", "patients.csv", corrections={"diag": ("ordinary", None)})
    fact = confirm(
        ctx, "priya", "patients.csv", everything=True, corrections={"diag": ("ordinary", None)}, reason="codes of rooms"
    )
    assert (fact.accepted, fact.corrected, fact.unconfirmed) == (5, 1, 0)
    line = {each.field.name: each for each in fields_of(ctx, ctx.registry.catalogue.named("patients.csv"))}["diag"]
    assert (line.level, line.open, line.decided.by) == ("ordinary", False, "priya")
    look(app, place, again=True)
    assert ctx.registry.catalogue.named("patients.csv").unconfirmed == 0
    text = (place / "patients.csv").read_text().replace("I10", "078-05-1120")
    (place / "patients.csv").write_text(text)
    look(app, place)
    assert ctx.registry.catalogue.named("patients.csv").unconfirmed == 1
    with pytest.raises(Refused):
        confirm(ctx, "sam", "patients.csv", everything=True)
    with pytest.raises(NotFound, match="no field"):
        confirm(ctx, "priya", "patients.csv", fields=("nothing",))


def test_a_retired_asset_is_asked_about_no_more_and_found_anew(app: App, place: Path) -> None:
    """It leaves the list of the living; a later scan that meets it makes another asset."""
    look(app, place)
    retire(app.context, "olivia", "notes.jsonl", "moved away")
    assert [view.name for view in app.context.registry.catalogue.live()] == ["patients.csv"]
    with pytest.raises(Invalid, match="retired"):
        retire(app.context, "olivia", "notes.jsonl", "again")
    assert {each.name: each.state for each in look(app, place).assets} == {
        "notes.jsonl": "new", "patients.csv": "unchanged",
    }  # fmt: skip


def test_the_catalogue_is_found_by_place(app: App, place: Path) -> None:
    """A file's path leads to its asset, also where parts share one; other places lead nowhere."""
    for name in ("part-1.csv", "part-2.csv"):
        (place / name).write_text("patient_id,x\n1,2\n")
    look(app, place)
    catalogue = app.context.registry.catalogue
    assert catalogue.find(str(place / "patients.csv")).name == "patients.csv"
    assert catalogue.find(str(place / "part-7.csv")).name == "part-*.csv"
    assert catalogue.find("/elsewhere.csv") is None


def test_the_export_says_fields_and_no_values(app: App, place: Path) -> None:
    """JSON, CSV and DCAT hold every asset and field; a cell that a spreadsheet would run is defused."""
    (place / "odd.csv").write_text("=cmd(),patient_id,age\n" + "1,2,3\n" * 3)
    look(app, place)
    for form in ("json", "csv", "dcat"):
        text = exported(app.context, form)
        assert "first_name" in text
        assert not [value for value in PLANTED if value in text]
    assert "'=cmd()" in exported(app.context, "csv")
    made = json.loads(exported(app.context, "dcat"))
    assert (made["@type"], len(made["dcat:dataset"])) == ("dcat:Catalog", 3)


@pytest.mark.slow
def test_a_dataset_knows_where_it_comes_from_and_is_held_with_it(
    tmp_path_factory: pytest.TempPathFactory, place: Path
) -> None:
    """Provenance begins at the asset; a legal hold there keeps the dataset drawn from it."""
    from bedrail.journeys import retention
    from bedrail.journeys.disposal import shred

    with opened(copied(tmp_path_factory)) as app:
        look(app, place)
        with pytest.raises(NotFound, match="no such dataset"):
            draw(app.context, "sam", "readmission-30d", "patients.csv", dataset="d" * 64)
        fact = draw(app.context, "sam", "readmission-30d", "patients.csv")
        size = app.context.tape.head().size
        draw(app.context, "sam", "readmission-30d", "patients.csv")
        assert app.context.tape.head().size == size
        (origin,) = app.context.registry.catalogue.origins(fact.dataset)
        assert origin.name == "patients.csv"
        retention.hold(app.context, "priya", "patients.csv", "court order 12")
        with pytest.raises(Refused, match="legal hold"):
            shred(app.context, app.key_desk(), "priya", dataset=fact.dataset, reason="study ended")


@pytest.mark.slow
def test_the_home_itself_is_a_source(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Admitted datasets are assets of the catalogue, by the columns of their profile; nothing sealed is opened."""
    with opened(copied(tmp_path_factory)) as app:
        done = scan(app.context, "sam", HomeSource(app.context), Wanted())
        (dataset,) = done.assets
        assert dataset.kind == "sealed"
        assert dataset.rows > 10_000
        assert dataset.fields > 20
        digest = app.context.registry.use_cases["readmission-30d"].dataset.dataset
        assert app.context.registry.catalogue.find(f"bedrail:dataset/{digest}").asset == dataset.asset


def test_the_commands_tell_the_story(app: App, place: Path) -> None:
    """Scan, list, show, own, confirm and export by the command line, as tables and as JSON."""
    home = app.home
    app.close()
    ran = told("--as", "sam", "catalogue", "scan", str(place), "--json", home=home)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["recorded"] is True
    assert told("--as", "olivia", "catalogue", "own", "patients.csv", "--owner", "dr-adams", home=home).code == 0
    words = ("--all", "--special", "diag=mental-health", "--as-level", "dob=direct-identifier")
    ran = told("--as", "priya", "catalogue", "confirm", "patients.csv", *words, home=home)
    assert "4 accepted, 2 corrected; 0 fields are still open." in ran.out
    shown = json.loads(told("catalogue", "show", "patients.csv", "--json", home=home).out)
    assert (shown["owner"], shown["special"], shown["level"]) == ("dr-adams", ["mental-health"], "direct-identifier")
    assert "notes.jsonl" in told("catalogue", "list", "--owner", "nobody", home=home).out
    assert "patients.csv" not in told("catalogue", "list", "--owner", "nobody", home=home).out
    assert told("--as", "priya", "catalogue", "retire", "notes.jsonl", "--reason", "gone", home=home).code == 0
    assert told("ledger", "verify", home=home).code == 0
    assert told("--as", "dr-lee", "catalogue", "scan", str(place), home=home).code == 1
    assert told("--as", "sam", "catalogue", "scan", str(place / "nowhere"), home=home).code == 2


def test_a_file_that_cannot_be_read_just_now_is_not_missing(app: App, place: Path) -> None:
    """It is there: nothing is said of it but that it was not read."""
    look(app, place)
    (place / "patients.csv").write_bytes(b"\x00\x00")
    done = look(app, place)
    assert [each.name for each in done.assets] == ["notes.jsonl"]
    assert done.unread == ("the file is no text (1)",)
    assert app.context.registry.catalogue.named("patients.csv").standing == "in use"


def test_a_file_that_comes_back_is_in_use_again(app: App, place: Path) -> None:
    """Though nobody wrote to it: what was missing is read again, and stands as it did."""
    look(app, place)
    (place / "patients.csv").rename(place.parent / "away.csv")
    assert {each.name: each.state for each in look(app, place).assets}["patients.csv"] == "missing"
    (place.parent / "away.csv").rename(place / "patients.csv")
    assert {each.name: each.state for each in look(app, place).assets}["patients.csv"] == "same"
    assert app.context.registry.catalogue.named("patients.csv").standing == "in use"


def test_of_files_that_are_read_together_all_are_recorded_or_none(app: App, tmp_path: Path) -> None:
    """A bundle's types come in one commit, so that none is passed over when the scan is repeated."""
    folder = tmp_path / "fhir"
    folder.mkdir()
    resources = [{"resourceType": kind, "id": "1"} for kind in ("Patient", "Observation", "Condition")]
    (folder / "a.ndjson").write_text("\n".join(json.dumps(each) for each in resources))
    size = app.context.tape.head().size
    assert [each.state for each in look(app, folder).assets] == ["new"] * 3
    assert app.context.tape.head().size == size + 6
    assert [each.state for each in look(app, folder).assets] == ["unchanged"] * 3
    assert [each.state for each in look(app, folder, rows=7).assets] == ["same"] * 3
