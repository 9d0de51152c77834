"""What is due is disposed of with a certificate, by two people; what is held is kept, and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrail.app import Asked, open_home, source_of
from bedrail.core.errors import BedrailError, Corrupt, Invalid, NotFound, Refused
from bedrail.core.events import DatasetAdmitted, DecisionFellBack, action_of, decode
from bedrail.core.events.catalogue import RetentionRun
from bedrail.data.retention import begin_for, end_of, known_rules
from bedrail.governance.catalogue import DATASET, DECISIONS
from bedrail.journeys import destruction, retention, retention_runs, upkeep
from bedrail.journeys.cataloguing import Wanted, scan
from bedrail.journeys.context import SYSTEM, Context
from bedrail.journeys.custody import lift_hold, place_hold
from bedrail.journeys.disposal import shred, verify_certificate
from bedrail.journeys.home_assets import HomeSource
from bedrail.journeys.posture import look_at_house
from bedrail.journeys.stewarding import own
from bedrail.keys import verify_ed25519
from bedside_house import USE_CASE, SmallHouse
from custody_house import PLAIN, SUBJECTS, custody_house, desk_of
from reception_house import TurnableClock
from small_home import bedrail, told

DIGEST = "d" * 64


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    """A house of 2026 with patients decided on in four years, a sealed dataset, and both in the catalogue."""
    made = custody_house(tmp_path / "house")
    ctx, clock = made.app.context, TurnableClock()
    ctx.clock = clock
    today = clock.at
    for number, subject in enumerate(SUBJECTS[:4]):
        clock.at = today.replace(year=2014 + 3 * number)
        decide(ctx, subject, f"d{number}")
    clock.at = today.replace(year=2018)
    sealed = ctx.put_sealed(b"PAR1 rare-value", dataset=DIGEST, kind="table")
    columns = [{"name": name} for name in ("patient", "age", "sodium")]
    profile = ctx.artifacts.put(json.dumps({"profile": {"columns": columns}}).encode())
    made.append(
        DatasetAdmitted(dataset=DIGEST, use_case=USE_CASE, source="x.csv", rows=8, columns=3, profile=profile,
                        verdict="pass", artifact=sealed)
    )  # fmt: skip
    clock.at = today
    scan(ctx, "petra", HomeSource(ctx), Wanted())
    yield made
    with suppress(BedrailError):
        made.app.close()


def decide(ctx: Context, subject: str, decision: str) -> None:
    """A recorded fallback with a sealed record."""
    record = ctx.vault.seal(record_id=decision, subject=subject, kind="decision", purpose="care", plaintext=PLAIN)
    fact = DecisionFellBack(
        decision=decision, use_case=USE_CASE, candidate="", stage="general", subject=subject, site="north",
        guard="inputs", reason="missing", record="", policy="",
    )  # fmt: skip
    ctx.append(SYSTEM, "care", fact, records=(record,))


def readable(ctx: Context) -> set[str]:
    return {name for name, _ in ctx.opened("decision", ["d0", "d1", "d2", "d3"])}


def ten_years(ctx: Context) -> None:
    """Records of decisions are kept ten years from the last one."""
    retention.rule(ctx, "petra", DECISIONS, keep="10y", event="last-contact", basis="BGB § 630f (3)")


def run(house: SmallHouse, **more) -> retention_runs.Ran:
    return retention_runs.run(house.app.context, desk_of(house.app), "petra", **more)


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.sampled_from(["10y", "18m", "90d", "1m", "30y"]))
def test_a_period_goes_by_the_calendar(day: date, keep: str) -> None:
    """What began on the last day that is due is due, what began a day later is not."""
    since = begin_for(day, keep)
    assert end_of(since, keep) <= day < end_of(since + timedelta(days=1), keep)


def test_a_month_without_that_day_ends_on_its_last() -> None:
    """31 January and a month is the last of February; 29 February and a year is the 28th."""
    assert end_of(date(2023, 1, 31), "1m") == date(2023, 2, 28)
    assert end_of(date(2024, 2, 29), "1y") == date(2025, 2, 28)
    assert end_of(date(2024, 2, 29), "4y") == date(2028, 2, 29)
    for rule in known_rules().values():
        assert end_of(date(2024, 2, 29), rule.keep) > date(2024, 2, 29)


def test_what_is_due_is_destroyed_with_a_certificate(house: SmallHouse) -> None:
    """Of four patients the one seen 12 years ago is due; approved by one, carried out by another, the rest opens."""
    ctx, desk = house.app.context, desk_of(house.app)
    ten_years(ctx)
    (item,) = retention.due(ctx, desk, "petra")
    assert (item.subject, item.due, item.state) == (SUBJECTS[0], "2024-11-22", "due")
    with pytest.raises(NotFound, match="no plan"):
        run(house)
    retention_runs.approve(ctx, desk, "dr-adams")
    before = ctx.tape.head().size
    assert [each.outcome for each in run(house, dry=True).done] == ["destroyed"]
    assert ctx.tape.head().size == before
    assert readable(ctx) == {"d0", "d1", "d2", "d3"}
    (done,) = run(house).done
    assert readable(ctx) == {"d1", "d2", "d3"}
    certificate = verify_certificate(ctx.artifacts.get(done.certificate), verify_ed25519)
    assert certificate.subject == SUBJECTS[0]
    assert "BGB § 630f" in certificate.reason
    assert retention.due(ctx, desk, "petra") == []


@pytest.mark.slow
def test_a_timer_carries_out_an_approved_plan_by_its_order(house: SmallHouse, tmp_path: Path) -> None:
    """From the command line, in processes of their own: destroyed, certified, each entry says by which order, and the
    replay names none of them; a plan approved by whoever gave the order is left, and that is on record by its rule."""
    ctx, home = house.app.context, house.app.home
    ten_years(ctx)
    upkeep.add_person(ctx, "dr-adams", "petra", "Petra", ("privacy-officer", "clinical-lead"))
    house.app.close()
    words = ("--as", "petra", "order", "give", "--act", "retention.run", "--reason", "weekly, timer on srv-1", "--json")
    order = json.loads(bedrail(*words, home=home).out)
    (tmp_path / "order").write_text(order["secret"])
    timer = {"BEDRAIL_ORDER_FILE": str(tmp_path / "order")}
    assert bedrail("--as", "petra", "retention", "approve", home=home).code == 0
    own = bedrail("retention", "run", home=home, **timer)
    assert (own.code, "nobody carries out what they approved" in own.err) == (1, True)
    assert bedrail("--as", "dr-adams", "retention", "approve", home=home).code == 0
    assert bedrail("keys", "shred", "--subject", SUBJECTS[1], "--reason", "why not", home=home, **timer).code == 1
    ran = bedrail("retention", "run", "--folder", str(tmp_path / "papers"), "--json", home=home, **timer)
    assert (ran.code, [each["outcome"] for each in json.loads(ran.out)["done"]]) == (0, ["destroyed"])
    (paper,) = (tmp_path / "papers").iterdir()
    assert verify_certificate(paper.read_bytes(), verify_ed25519).subject == SUBJECTS[0]
    app = open_home(home)
    assert readable(app.context) == {"d1", "d2", "d3"}
    entries = [decode(data) for _, data in app.context.tape.registry_entries(0)]
    done = [action_of(each) for each in entries if each.actor.auth == f"order:{order['order']}"]
    assert {"disposal.ordered", "key.rotated", "disposal.completed", "retention.run"} <= set(done)
    app.close()
    verified = bedrail("ledger", "verify", home=home)
    assert "standing order" not in verified.out + verified.err
    told_of = json.loads(bedrail("--as", "petra", "access", "refused", "--json", home=home).out)["acts"]
    found = {(each["kind"], each["who"], each["action"], each["why"]) for each in told_of}
    assert ("order", order["order"], "retention.run", "own-plan") in found


def test_a_run_is_repeated_without_harm_and_goes_on_where_it_stopped(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between destroying the keys and the certificate: the next run certifies, a third one does nothing."""
    ctx, desk = house.app.context, desk_of(house.app)
    ten_years(ctx)
    retention_runs.approve(ctx, desk, "dr-adams")
    with monkeypatch.context() as cut:
        cut.setattr("bedrail.journeys.disposal.complete", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(house)
    assert readable(ctx) == {"d1", "d2", "d3"}
    (done,) = run(house).done
    assert (done.outcome, bool(done.certificate)) == ("destroyed", True)
    (again,) = run(house).done
    assert again.outcome == "done before"


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_nobody_carries_out_what_they_approved_and_an_approval_ends(house: SmallHouse) -> None:
    """Two people; and what became due after the approval waits for the next."""
    ctx, desk = house.app.context, desk_of(house.app)
    house.app.context.append(SYSTEM, "governance", *_both("petra"))
    ten_years(ctx)
    retention_runs.approve(ctx, desk, "petra")
    with pytest.raises(Refused, match="approved"):
        run(house)
    retention_runs.approve(ctx, desk, "dr-adams")
    ctx.clock.turn(days=31)  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="has ended"):
        run(house)


def _both(person: str) -> tuple:
    from bedrail.core.events import PersonAdded

    return (PersonAdded(person=person, name=person, roles=("privacy-officer", "owner")),)


def test_what_becomes_due_later_is_named_and_left(house: SmallHouse) -> None:
    """A plan is carried out as it was approved, no more."""
    ctx, desk = house.app.context, desk_of(house.app)
    ten_years(ctx)
    retention_runs.approve(ctx, desk, "dr-adams")
    retention.rule(ctx, "petra", DECISIONS, keep="8y")
    outcomes = {each.item.subject: each.outcome for each in run(house).done}
    assert outcomes == {SUBJECTS[0]: "destroyed", SUBJECTS[1]: "left: not in the approved plan"}


@pytest.mark.parametrize("on", ["patient", "asset"])
def test_what_is_held_is_kept_and_named(house: SmallHouse, on: str) -> None:
    """A hold on the patient or on the asset, placed after the approval, stops the run for it; lifted, it goes on."""
    ctx, desk = house.app.context, desk_of(house.app)
    ten_years(ctx)
    retention_runs.approve(ctx, desk, "dr-adams")
    if on == "patient":
        place_hold(ctx, "petra", subject=SUBJECTS[0], reason="court order")
    else:
        retention.hold(ctx, "petra", DECISIONS, "court order")
    (done,) = run(house).done
    assert (done.outcome, done.item.why) == ("held", "court order")
    assert readable(ctx) == {"d0", "d1", "d2", "d3"}
    if on == "patient":
        lift_hold(ctx, "petra", subject=SUBJECTS[0], reason="closed")
    else:
        retention.release(ctx, "petra", DECISIONS, "closed")
    assert [each.outcome for each in run(house).done] == ["destroyed"]


def test_a_dataset_is_due_from_its_admission_and_its_asset_is_disposed_of(house: SmallHouse) -> None:
    """Its key is destroyed; a hold on the asset also stops a shredding by hand."""
    ctx, desk = house.app.context, desk_of(house.app)
    asset = DATASET + DIGEST
    retention.rule(ctx, "petra", asset, keep="5y", event="admitted", basis="study protocol 7")
    (item,) = retention.due(ctx, desk, "petra")
    assert (item.dataset, item.due) == (DIGEST, "2023-11-22")
    retention.hold(ctx, "petra", asset, "audit under way")
    with pytest.raises(Refused, match="legal hold"):
        shred(ctx, desk, "petra", dataset=DIGEST, reason="study ended")
    retention.release(ctx, "petra", asset, "audit done")
    retention_runs.approve(ctx, desk, "dr-adams")
    (done,) = run(house).done
    assert done.outcome == "destroyed"
    view = ctx.registry.catalogue.named(asset)
    assert (view.standing, view.certificate) == ("disposed of", done.certificate)


def outside(house: SmallHouse, tmp_path: Path) -> Path:
    """A file elsewhere, in the catalogue, kept until some years ago."""
    ctx = house.app.context
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("old.csv", "new.csv"):
        (folder / name).write_text("patient_id,age\n1,50\n2,60\n")
    scan(ctx, "petra", source_of(str(folder), Asked()), Wanted())
    retention.rule(ctx, "petra", "old.csv", template="us-hospital-record", since="2019-03-31")
    return folder


def test_an_owner_is_asked_and_proves_what_rests_elsewhere(house: SmallHouse, tmp_path: Path) -> None:
    """Without an owner nobody is asked; while the file is there no proof counts; the certificate tells of the scan."""
    ctx, desk = house.app.context, desk_of(house.app)
    folder = outside(house, tmp_path)
    assert [each.state for each in retention.due(ctx, desk, "petra")] == ["no-owner"]
    own(ctx, "petra", "old.csv", owner="dr-adams")
    retention_runs.approve(ctx, desk, "dr-adams")
    assert [each.outcome for each in run(house).done] == ["asked"]
    assert [each.state for each in retention.due(ctx, desk, "petra")] == ["asked"]
    ctx.clock.turn(days=31)  # type: ignore[attr-defined]
    assert [each.state for each in retention.due(ctx, desk, "petra")] == ["overdue"]
    assert retention.overdue(ctx) == ("old.csv",)
    assert look_at_house(ctx, None).overdue_disposals == ("old.csv",)
    with pytest.raises(Refused, match="still there"):
        destruction.prove(ctx, "dr-adams", "old.csv", method="shredded", proof=b"%PDF")
    with pytest.raises(Refused, match="answers for this asset"):
        destruction.prove(ctx, "rob", "old.csv", method="shredded", proof=b"%PDF")
    (folder / "old.csv").unlink()
    scan(ctx, "petra", source_of(str(folder), Asked()), Wanted())
    digest, data = destruction.prove(ctx, "dr-adams", "old.csv", method="shredded by ACME", proof=b"%PDF")
    certificate = destruction.verify_destruction(data, verify_ed25519, house.app.keys.public_key("evidence"))
    assert "a scan did not find it on 2026-12-23" in certificate.checked
    assert ctx.registry.catalogue.assets[certificate.asset].certificate == digest
    assert "shredded by ACME" in destruction.readable(certificate)
    with pytest.raises(Corrupt):
        destruction.verify_destruction(data.replace(b"ACME", b"ACNE"), verify_ed25519)
    assert retention.due(ctx, desk, "petra") == []


def test_rules_that_make_no_sense_are_refused(house: SmallHouse) -> None:
    """No period, no event, no basis, no such rule, a day that is none; and others may not say."""
    ctx = house.app.context
    for wrong in (
        {}, {"keep": "10 years"}, {"keep": "0y", "event": "created", "basis": "law"}, {"keep": "1y", "event": "birth"},
        {"keep": "1y", "event": "created"}, {"keep": "1y", "event": "created", "basis": "law", "since": "soon"},
        {"template": "nowhere"},
    ):  # fmt: skip
        with pytest.raises(Invalid):
            retention.rule(ctx, "petra", DECISIONS, **wrong)
    with pytest.raises(Refused):
        retention.rule(ctx, "rob", DECISIONS, keep="1y", event="created", basis="law")


def test_what_has_no_start_is_named(house: SmallHouse, tmp_path: Path) -> None:
    """A period from an event whose day nobody said cannot end: that is shown, not passed over."""
    ctx = house.app.context
    outside(house, tmp_path)
    retention.rule(ctx, "petra", "new.csv", keep="1y", event="contract-end", basis="contract 12")
    states = {each.name: each.state for each in retention.due(ctx, desk_of(house.app), "petra")}
    assert states == {"old.csv": "no-owner", "new.csv": "no-start"}


def test_the_commands_tell_the_story(house: SmallHouse, tmp_path: Path) -> None:
    """Rules, set, hold, due, approve, run, and the fact of the run, by the command line."""
    ctx, home = house.app.context, house.app.home
    house.app.close()
    assert "BGB § 630f" in told("retention", "rules", home=home).out
    words = ("retention", "set", DECISIONS, "--rule", "de-treatment")
    assert told("--as", "petra", *words, home=home).code == 0
    assert told("--as", "petra", "retention", "hold", DECISIONS, "--reason", "court order", home=home).code == 0
    assert told("--as", "petra", "retention", "release", DECISIONS, "--reason", "closed", home=home).code == 0
    ran = told("--as", "petra", "retention", "due", "--json", home=home)
    assert [each["subject"] for each in json.loads(ran.out)] == [SUBJECTS[0]]
    assert told("--as", "petra", "retention", "approve", home=home).code == 1
    assert "Approved: 1 items" in told("--as", "dr-adams", "retention", "approve", home=home).out
    ran = told("--as", "petra", "retention", "run", "--json", home=home)
    assert (ran.code, json.loads(ran.out)["done"][0]["outcome"]) == (0, "destroyed")
    (paper,) = (home / "certificates").glob("retention-*.json")
    assert told("keys", "check-certificate", str(paper), home=home).code == 0
    assert RetentionRun.__struct_config__.tag.encode() in (home / "ledger.sqlite").read_bytes()
    assert ctx.registry.catalogue.runs == 0  # of the closed home: what others did is read when it is opened again


def test_a_dataset_whose_keys_are_destroyed_is_found_no_more(house: SmallHouse) -> None:
    """Shredded by hand too, its asset is disposed of, and a scan of the home makes no new one."""
    from bedrail.journeys.disposal import complete

    ctx, desk = house.app.context, desk_of(house.app)
    shred(ctx, desk, "petra", dataset=DIGEST, reason="study ended")
    complete(ctx, desk, "petra")
    assert ctx.registry.catalogue.named(DATASET + DIGEST).standing == "disposed of"
    again = scan(ctx, "petra", HomeSource(ctx), Wanted(again=True))
    assert [each.location for each in again.assets] == [DECISIONS]


def test_only_whoever_works_on_it_sees_what_is_due(house: SmallHouse) -> None:
    """The list names patients by pseudonym."""
    with pytest.raises(Refused):
        retention.due(house.app.context, desk_of(house.app), "rob")
