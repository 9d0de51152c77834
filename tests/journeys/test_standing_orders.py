"""Standing orders: a timer does exactly what somebody who may do it left to it, on record, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bedrail.app import App, new_token
from bedrail.core.errors import Invalid, Refused
from bedrail.core.events import BackupTaken, PersonAdded
from bedrail.governance.orders import ORDER, UNATTENDED, principal_of
from bedrail.governance.permissions import ACTIONS
from bedrail.journeys import accounts, upkeep
from bedrail.journeys.leaving import leave
from bedrail.journeys.orders import give_order, revoke_order
from bedside_house import USE_CASE, small_house
from reception_house import House, house, refused
from small_home import told

WHY = "nightly backup, timer on srv-1"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """People sign in; rob, who may take backups, has an account with two factors."""
    made = house(tmp_path)
    upkeep.add_person(made.app.context, "olivia", "rob", "Rob", ("release-engineer",))
    made.act_as(made.join("rob"))
    yield made
    made.app.close()


def given(
    home: House, acts: tuple[str, ...] = ("backup.take",), person: str = "rob", days: int = 90
) -> tuple[str, str]:
    """(order, secret) of a new one."""
    secret, digest = new_token()
    fact = give_order(home.app.context, person, acts, digest, valid_for=timedelta(days=days), reason=WHY)
    return fact.order, secret


def hold(home: House, secret: str) -> None:
    """Journeys now act for the timer that holds this secret."""
    ctx = home.app.context
    digest = hashlib.sha256(secret.encode()).hexdigest()
    ctx.principal = principal_of(ctx.refresh(), digest, ctx.clock.now().timestamp())


def take(app: App, folder: Path, *, keys: bool = False) -> None:
    """A backup, as rob."""
    app.back_up("rob", folder, keys=keys, told=lambda _: None)


def test_a_timer_takes_backups_for_weeks_without_a_fresh_proof_and_each_says_so(home: House, tmp_path: Path) -> None:
    """What a person without a proof of the last five minutes is refused, the order does; the entry names the order."""
    order, secret = given(home)
    home.clock.turn(minutes=6)
    assert refused(take, home.app, tmp_path / "stale") == "step-up"
    for night in range(2):
        home.clock.turn(days=20)
        hold(home, secret)
        take(home.app, tmp_path / f"night-{night}")
    entries = home.facts(str(BackupTaken.__struct_config__.tag))
    assert [(e.actor.id, e.actor.auth) for e in entries] == [("rob", f"{ORDER}{order}")] * 2
    assert secret.encode() not in b"".join(data for _, data in home.app.context.tape.entries())
    with pytest.raises(Refused, match="no timer takes the keys away"):
        take(home.app, tmp_path / "keys", keys=True)


def test_an_order_is_good_for_its_acts_its_person_and_nothing_else(home: House) -> None:
    """Every other action of the whole table is refused, and that it was tried is on record under the order."""
    order, secret = given(home)
    hold(home, secret)
    ctx = home.app.context
    for action in sorted(set(ACTIONS) - {"backup.take"}):
        assert refused(ctx.require, "rob", action) == "scope", action
    assert refused(ctx.require, "olivia", "backup.take") == "sign-in"
    assert ctx.require("rob", "backup.take").auth == f"{ORDER}{order}"
    home.clock.turn(minutes=11)
    home.at.tend()
    assert {key[:2] for key in ctx.registry.refused.acts} >= {("order", order)}


def test_what_belongs_to_a_retention_run_is_permitted_while_it_runs_only(home: House) -> None:
    """The order for runs cannot be used to destroy any key that its holder names."""
    home.act_as(home.sign_in("olivia"))
    upkeep.add_person(home.app.context, "olivia", "priya", "Priya", ("privacy-officer",))
    home.act_as(home.join("priya"))
    _, secret = given(home, ("retention.run",), "priya")
    hold(home, secret)
    ctx = home.app.context
    for action in UNATTENDED["retention.run"]:
        assert refused(ctx.require, "priya", action) == "scope"
    ctx.part_of = "retention.run"
    for action in UNATTENDED["retention.run"]:
        assert ctx.require("priya", action).auth.startswith(ORDER)
    assert refused(ctx.require, "priya", "keys.hold") == "scope"
    ctx.part_of = "backup.take"
    assert refused(ctx.require, "priya", "keys.shred") == "scope"


@pytest.mark.parametrize("end", ["time", "revoked", "role", "disabled", "reset", "left"])
def test_an_order_ends_with_its_time_its_revoking_and_whoever_gave_it(home: House, end: str) -> None:
    """At the next act, whatever the timer holds."""
    order, secret = given(home)
    hold(home, secret)
    ctx = home.app.context
    timer = ctx.principal
    home.act_as(home.sign_in("olivia"))
    if end == "time":
        home.clock.turn(days=91)
    elif end == "revoked":
        revoke_order(ctx, "olivia", order, "srv-1 was replaced")
    elif end == "role":
        upkeep.add_person(ctx, "olivia", "rob", "Rob", ("auditor",))
    elif end == "disabled":
        accounts.disable_account(home.at, "olivia", "rob", "on leave")
    elif end == "reset":
        accounts.reset_second_factors(home.at, "olivia", "rob", "a stolen telephone")
    else:
        leave(ctx, "olivia", "rob", "end of contract")
    ctx.principal = timer
    refused(ctx.require, "rob", "backup.take")
    assert refused(hold, home, secret) == "sign-in"


def test_an_order_stays_ended_when_role_account_or_name_come_back(home: House) -> None:
    """Whoever has an old secret can do nothing with it, whatever is given to whom later."""
    ctx = home.app.context
    for end in ("role", "disabled", "left"):
        home.act_as(home.sign_in("rob"))
        _, secret = given(home)
        home.act_as(home.sign_in("olivia"))
        if end == "role":
            upkeep.add_person(ctx, "olivia", "rob", "Rob", ("auditor",))
        elif end == "disabled":
            accounts.disable_account(home.at, "olivia", "rob", "on leave")
            accounts.enable_account(home.at, "olivia", "rob")
        else:
            leave(ctx, "olivia", "rob", "end of contract")
        upkeep.add_person(ctx, "olivia", "rob", "Rob", ("release-engineer",))
        ctx.refresh()
        assert refused(hold, home, secret) == "sign-in", end


def test_nobody_gives_what_they_may_not_do_and_some_acts_to_no_timer(home: House) -> None:
    """Role, fresh proof, a reason and an end are asked for; approving, releasing and people are never left to one."""
    with pytest.raises(Refused, match="not permitted"):
        given(home, ("retention.run",))
    for act in ("approval.give", "deployment.move", "person.add", "keys.shred", "nothing"):
        with pytest.raises(Invalid, match="never left to a timer"):
            given(home, (act,))
    with pytest.raises(Invalid, match="within a year"):
        given(home, days=366)
    with pytest.raises(Invalid, match="for nothing"):
        given(home, ())
    home.clock.turn(minutes=6)
    assert refused(given, home) == "step-up"
    assert not home.app.context.refresh().orders.orders


@pytest.mark.parametrize("left_over", ["wrong", "no-file", "live"])
def test_no_order_left_in_the_environment_hinders_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_over: str
) -> None:
    """Halting, and moving back to shadow, go by the person with a warning; other acts are refused with the way out."""
    house = small_house(tmp_path)
    house.append(PersonAdded(person="rob", name="Rob", roles=("release-engineer",)))
    house.app.close()
    home = house.app.home
    if left_over == "no-file":
        monkeypatch.setenv("BEDRAIL_ORDER_FILE", str(tmp_path / "gone"))
    else:
        words = ("--as", "rob", "order", "give", "--act", "backup.take", "--reason", WHY, "--json")
        secret = json.loads(told(*words, home=home).out)["secret"]
        monkeypatch.setenv("BEDRAIL_ORDER", secret if left_over == "live" else "bedrail_wrong")
    other = told("--as", "rob", "token", "issue", USE_CASE, "--client", "x", home=home)
    assert other.code == (2 if left_over == "no-file" else 1)
    assert "BEDRAIL_ORDER" in other.err
    retreated = told("--as", "rob", "deploy", USE_CASE, "--to", "shadow", home=home)
    got_on = "is set and ignored" in retreated.err and "policy.toml" in retreated.err
    assert got_on, "it comes as far as this house's policy"
    halted = told("--as", "rob", "halt", USE_CASE, "--reason", "drill", "--json", home=home)
    assert (halted.code, "is set and ignored" in halted.err) == (0, True)
    assert json.loads(halted.out) == {"halted": USE_CASE, "recorded": True}
    monkeypatch.delenv("BEDRAIL_ORDER", raising=False)
    monkeypatch.delenv("BEDRAIL_ORDER_FILE", raising=False)
    assert told("--as", "dr-lee", "halt", USE_CASE, "--reason", "drill", home=home).err.count("ignored") == 0


def test_whoever_could_give_an_order_takes_their_own_back_and_officers_any(home: House) -> None:
    """Without a proof of the last five minutes; an order of somebody else is an officer's to take back."""
    ctx, orders = home.app.context, {}
    for person in ("dr-adams", "sam"):
        home.act_as(home.sign_in("olivia"))
        home.act_as(home.join(person))
        orders[person], _ = given(home, ("monitoring.look",), person)
    home.clock.turn(minutes=6)
    with pytest.raises(Refused, match=r"order\.revoke-of-others"):
        revoke_order(ctx, "sam", orders["dr-adams"], "not mine")
    revoke_order(ctx, "sam", orders["sam"], "the timer is gone")
    home.act_as(home.sign_in("rob"))
    revoke_order(ctx, "rob", orders["dr-adams"], "srv-1 was replaced")
    assert [bool(view.revoked) for view in ctx.refresh().orders.orders.values()] == [True, True]


def test_from_giving_to_a_timers_backup_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret goes by a file that only the timer reads; a wrong one is refused; the list says what is live."""
    home = tmp_path / "home"
    assert told("init", "--owner", "olivia", home=home).code == 0
    assert told("people", "add", "rob", "--role", "release-engineer", home=home).code == 0
    words = ("--as", "rob", "order", "give", "--act", "backup.take", "--reason", WHY, "--json")
    made = json.loads(told(*words, home=home).out)
    file = tmp_path / "order"
    file.write_text(made["secret"] + "\n")
    monkeypatch.setenv("BEDRAIL_ORDER_FILE", str(file))
    assert told("backup", "--out", str(tmp_path / "b"), home=home).code == 0
    assert told("policy", "show", home=home).code == 1
    assert told("backup", "--with-keys", "--out", str(tmp_path / "k"), home=home).code == 1
    file.write_text("bedrail_wrong")
    assert told("backup", "--out", str(tmp_path / "c"), home=home).code == 1
    file.write_text("")
    assert told("backup", "--out", str(tmp_path / "c"), home=home).code == 2
    file.unlink()
    assert told("backup", "--out", str(tmp_path / "c"), home=home).code == 2
    monkeypatch.delenv("BEDRAIL_ORDER_FILE")
    assert told("--as", "rob", "order", "revoke", made["order"], "--reason", "moved", home=home).code == 0
    (listed,) = json.loads(told("order", "list", "--json", home=home).out)
    assert (listed["acts"], listed["as"], listed["state"]) == ("backup.take", "rob", "revoked: moved")
