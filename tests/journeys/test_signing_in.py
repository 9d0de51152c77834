"""Signing in, from the invitation to the last session: what is let in, what is not, and what the ledger says of it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bedrail.app import open_home, verify_home
from bedrail.core.accounts import CredentialRow
from bedrail.core.errors import Invalid, NotFound, Refused
from bedrail.core.events import PersonAdded, PersonLeft, SessionsEnded
from bedrail.governance.permissions import permitted
from bedrail.governance.sessions import ORDINARY, STEP_UP, STRICT
from bedrail.journeys import accounts, breaking_glass, credentials, signing_in, upkeep
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.reception import Signed, credential_digest
from bedrail.journeys.signing_in import Halfway
from bedrail.keys.passwords import Argon2Passwords
from reception_house import OTHER_PASSWORD, PASSWORD, WHERE, House, house, refused


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """The owner has an account, is signed in, and acts."""
    made = house(tmp_path)
    yield made
    made.app.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[House]:
    """Nobody has an account."""
    made = house(tmp_path, joined=False)
    yield made
    made.app.close()


def test_in_a_home_without_accounts_a_name_is_believed_and_facts_say_so(lab: House) -> None:
    """The lab works as it did: `--as` is enough."""
    upkeep.add_person(lab.app.context, "olivia", "tom", "Tom", ("clinician",))
    entry = lab.facts("person.added")[-1]
    assert (entry.actor.id, entry.actor.auth) == ("olivia", "local")
    assert lab.at.identity().local == "trust"


def test_the_first_account_is_of_somebody_who_may_open_others(lab: House) -> None:
    """Otherwise nobody could open a second one: names are not believed from then on."""
    with pytest.raises(Refused, match="first account"):
        accounts.open_account(lab.at, "olivia", "sam")
    with pytest.raises(NotFound):
        accounts.open_account(lab.at, "olivia", "ghost")
    assert accounts.open_account(lab.at, "olivia", "olivia")
    assert refused(upkeep.add_person, lab.app.context, "olivia", "tom", "Tom", ("clinician",)) == "sign-in"


def test_with_accounts_an_act_needs_the_session_of_that_very_person(home: House) -> None:
    """No session, or somebody else's, is refused; the fact names the method."""
    upkeep.add_person(home.app.context, "olivia", "tom", "Tom", ("clinician",))
    assert home.facts("person.added")[-1].actor.auth == "password+totp"
    assert refused(home.app.context.require, "sam", "candidate.train") == "sign-in"
    home.act_as(None)
    assert refused(upkeep.add_person, home.app.context, "olivia", "tom", "Tom", ("clinician",)) == "sign-in"
    assert refused(home.app.context.require, "dr-lee", "registry.read") == "sign-in"


def test_an_invitation_is_good_once_and_for_three_days(home: House) -> None:
    """A password that cannot be used leaves it good; the first that can uses it up."""
    invitation = home.invite("sam")
    with pytest.raises(Invalid):
        signing_in.accept_invitation(home.at, invitation, "short", **WHERE)
    assert isinstance(signing_in.accept_invitation(home.at, invitation, PASSWORD, **WHERE), Signed)
    assert refused(signing_in.accept_invitation, home.at, invitation, OTHER_PASSWORD, **WHERE) == "credentials"
    late = home.invite("sue")
    home.clock.turn(days=3, seconds=1)
    assert refused(signing_in.accept_invitation, home.at, late, PASSWORD, **WHERE) == "credentials"


def test_a_role_that_needs_two_factors_can_do_nothing_before_enrolling(home: House) -> None:
    """The first session may add a second factor, and nothing else."""
    first = home.join("sam", app=False)
    assert not first.principal.mfa
    home.act_as(first)
    assert refused(home.app.context.require, "sam", "candidate.train") == "second-factor"
    signed = home.enrol(first)
    assert signed.principal.mfa
    assert home.at.recognise(first.token) is None
    home.act_as(signed)
    assert home.app.context.require("sam", "candidate.train").auth == "password+totp"
    assert len(set(home.codes["sam"])) == 10


def test_a_code_is_good_once_in_every_process(home: House) -> None:
    """The same step is refused a second time, also by another process, also the step before, also by four at once."""
    home.join("sam")
    used = home.code("sam")
    half = [signing_in.with_password(home.at, "sam", PASSWORD, **WHERE) for _ in range(5)]
    assert all(isinstance(each, Halfway) for each in half)
    tickets = [each.ticket for each in half if isinstance(each, Halfway)]

    def enter(ticket: str) -> bool:
        with contextlib.suppress(Refused):
            return bool(signing_in.with_code(home.at, ticket, used, **WHERE))
        return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(enter, tickets[:4])) == 1
    home.clock.turn(minutes=6)
    other = open_home(home.app.home)
    try:
        other.context.clock = home.clock
        at = other.reception(context=other.context)
        at.passwords = home.at.passwords
        code, opened = home.code("sam"), 0
        for each in (at, home.at, at):
            came = signing_in.with_password(each, "sam", PASSWORD, **WHERE)
            assert isinstance(came, Halfway)
            with contextlib.suppress(Refused):
                opened += bool(signing_in.with_code(each, came.ticket, code, **WHERE))
        assert opened == 1
    finally:
        other.close()


def test_a_recovery_code_is_good_once_and_belongs_to_its_person(home: House) -> None:
    """With or without dashes and capitals; another's is not good; new ones void the earlier ones."""
    home.join("sam")
    home.join("sue")
    first, second, third, *_ = home.codes["sam"]

    def enter(person: str, code: str) -> Signed:
        half = signing_in.with_password(home.at, person, PASSWORD, **WHERE)
        assert isinstance(half, Halfway)
        return signing_in.with_code(home.at, half.ticket, code, **WHERE)

    signed = enter("sam", first.upper().replace("-", " "))
    assert (signed.principal.auth, signed.principal.mfa) == ("password+recovery", True)
    assert refused(enter, "sam", first) == "credentials"
    assert refused(enter, "sue", second) == "credentials"
    fresh = credentials.new_recovery_codes(home.at, signed.principal)
    assert refused(enter, "sam", third) == "credentials"
    assert enter("sam", fresh[0]).principal.mfa
    assert next(each.left for each in credentials.held(home.at, "sam") if each.kind == "recovery-codes") == 9


@pytest.mark.parametrize(("person", "limits"), [("sam", ORDINARY), ("sue", STRICT)])
def test_sessions_end_unused_and_at_their_limit(home: House, person: str, limits: object) -> None:
    """Sooner for roles that decide or release."""
    assert limits in (ORDINARY, STRICT)
    idle, absolute = (limits.idle, limits.absolute)  # type: ignore[attr-defined]
    signed = home.join(person)
    home.clock.turn(seconds=idle - 35)
    assert home.at.recognise(signed.token) is not None
    home.clock.turn(seconds=idle + 1)
    assert home.at.recognise(signed.token) is None
    again = home.sign_in(person)
    for _ in range(absolute // (idle // 2)):
        home.clock.turn(seconds=idle // 2 - 5)
        assert home.at.recognise(again.token) is not None
    home.clock.turn(seconds=idle // 2)
    assert home.at.recognise(again.token) is None


def test_a_clock_that_was_set_back_opens_nothing(home: House) -> None:
    """A session from the future is none, and proves nothing fresh."""
    signed = home.join("sam")
    home.clock.turn(hours=-2)
    assert home.at.recognise(signed.token) is None


def test_disabling_an_account_or_taking_a_role_away_is_in_force_at_the_next_request(home: House) -> None:
    """In every process; signing in again is refused, and enabling gives it back."""
    signed = {person: home.join(person) for person in ("sam", "sue", "dr-lee")}
    other = open_home(home.app.home)
    try:
        other.context.clock = home.clock
        at = other.reception()
        assert all(at.recognise(each.token) for each in signed.values())
        accounts.disable_account(home.at, "olivia", "sam", "left")
        upkeep.add_person(home.app.context, "olivia", "sue", "Sue", ("clinician",))
        assert at.recognise(signed["sam"].token) is None
        assert at.recognise(signed["sue"].token) is None
        assert at.recognise(signed["dr-lee"].token) is not None
        accounts.end_sessions(home.at, "olivia", "dr-lee", "laptop stolen")
        assert at.recognise(signed["dr-lee"].token) is None
    finally:
        other.close()
    assert refused(home.sign_in, "sam") == "credentials"
    accounts.enable_account(home.at, "olivia", "sam")
    home.clock.turn(seconds=30)
    assert home.sign_in("sam").principal.person == "sam"


def test_a_grave_act_needs_a_proof_of_the_last_five_minutes(home: House) -> None:
    """Stopping does not wait; approving, releasing and giving power do. The proof renews the token."""
    signed = home.sign_in("olivia")
    home.act_as(signed)
    home.clock.turn(minutes=5, seconds=1)
    assert refused(upkeep.add_person, home.app.context, "olivia", "tom", "Tom", ("clinician",)) == "step-up"
    held = home.app.context.registry.people["olivia"].roles
    for action in sorted(action for action in STEP_UP if permitted(held, action)):
        assert refused(home.app.context.require, "olivia", action) == "step-up"
    assert home.app.context.require("olivia", "deployment.halt")
    renewed = signing_in.step_up(home.at, signed.principal, home.code("olivia"), "", source="192.0.2.7")
    assert home.at.recognise(signed.token) is None
    assert home.at.recognise(renewed.token) is not None
    home.act_as(renewed)
    upkeep.add_person(home.app.context, "olivia", "tom", "Tom", ("clinician",))
    assert (
        refused(signing_in.step_up, home.at, renewed.principal, "000000", PASSWORD, source="192.0.2.7") == "credentials"
    )


def test_breaking_the_glass_needs_a_fresh_proof_and_giving_it_back_does_not(home: House) -> None:
    """An unwatched terminal gives nobody an emergency role; power is given up without waiting."""
    signed = home.join("dr-lee")
    home.act_as(signed)
    home.clock.turn(minutes=6)
    wanted = (home.app.context, "dr-lee", "clinical-lead", "lead unreachable, wrong risks")
    assert refused(breaking_glass.break_glass, *wanted) == "step-up"
    renewed = signing_in.step_up(home.at, signed.principal, home.code("dr-lee"), "", source="192.0.2.7")
    home.act_as(renewed)
    breaking_glass.break_glass(*wanted)
    home.clock.turn(minutes=6)
    breaking_glass.end_glass(home.app.context, "dr-lee")
    assert not home.app.context.registry.access.grant_of("dr-lee", home.clock.now().timestamp())


def test_a_reset_password_does_not_pass_the_second_factor(home: House) -> None:
    """Sessions end; the new password leads to the code, not into the house; the old one is void."""
    signed = home.join("sam")
    invitation = accounts.reset_password(home.at, "olivia", "sam", "forgot it")
    assert home.at.recognise(signed.token) is None
    assert refused(home.sign_in, "sam") == "credentials"
    came = signing_in.accept_invitation(home.at, invitation, OTHER_PASSWORD, **WHERE)
    assert isinstance(came, Halfway)
    assert signing_in.with_code(home.at, came.ticket, home.code("sam"), **WHERE).principal.mfa


def test_a_lost_second_factor_is_reset_by_somebody_else_and_enrolled_anew(home: House) -> None:
    """Not by oneself; the next sign-in must enrol before anything."""
    home.join("sam")
    with pytest.raises(Refused, match="somebody else"):
        accounts.reset_second_factors(home.at, "olivia", "olivia", "lost")
    accounts.reset_second_factors(home.at, "olivia", "sam", "phone lost")
    came = signing_in.with_password(home.at, "sam", PASSWORD, **WHERE)
    assert isinstance(came, Signed)
    assert not came.principal.mfa
    assert credentials.held(home.at, "sam")[0].kind == "password"


def test_a_changed_password_ends_the_other_sessions(home: House) -> None:
    """The present one must be shown."""
    first, second = home.join("sam"), home.sign_in("sam")
    where = {"source": "192.0.2.7"}
    assert (
        refused(signing_in.change_password, home.at, second.principal, "wrong", OTHER_PASSWORD, **where)
        == "credentials"
    )
    signing_in.change_password(home.at, second.principal, PASSWORD, OTHER_PASSWORD, **where)
    assert home.at.recognise(first.token) is None
    assert home.at.recognise(second.token) is not None
    assert refused(home.sign_in, "sam") == "credentials"
    assert home.sign_in("sam", OTHER_PASSWORD)


def test_the_last_second_factor_of_a_role_that_needs_one_stays(home: House) -> None:
    """And changing credentials needs a recent proof."""
    signed = home.join("sam")
    app = next(each.credential for each in credentials.held(home.at, "sam") if each.kind == "totp")
    with pytest.raises(Refused, match="last second factor"):
        credentials.give_up(home.at, signed.principal, app)
    home.clock.turn(minutes=6)
    for act in (credentials.new_app, credentials.new_passkey, credentials.new_recovery_codes):
        assert refused(act, home.at, signed.principal) == "step-up"


def test_a_stolen_password_adds_no_second_factor_of_its_own(home: House) -> None:
    """Half a sign-in is no session; a session without the second factor cannot change credentials."""
    signed = home.join("sam")
    half = signing_in.with_password(home.at, "sam", PASSWORD, **WHERE)
    assert isinstance(half, Halfway)
    assert home.at.recognise(half.ticket) is None
    weak = home.at.begin("sam", "password", mfa=False, door="web", device="")
    assert refused(credentials.new_app, home.at, weak.principal) == "sign-in"
    assert home.at.recognise(signed.token) is not None


def test_hashes_are_renewed_when_the_parameters_change(home: House) -> None:
    """At the next sign-in, on record, and the old hash is gone."""
    home.join("sam")
    home.at.passwords = Argon2Passwords(memory_kib=128, passes=1)
    before = [row.material for row in home.at.desk.credentials("sam", "password")]
    home.sign_in("sam")
    after = [row.material for row in home.at.desk.credentials("sam", "password")]
    assert len(before) == len(after) == 1
    assert b"m=64" in before[0]
    assert b"m=128" in after[0]
    assert home.sign_in("sam")


def test_rows_written_behind_the_systems_back_open_nothing(home: House) -> None:
    """A password or a session in the file that the ledger does not know of, a hash put in place of another."""
    signed = home.join("sam")
    encoded = home.at.passwords.hash(OTHER_PASSWORD).encode()
    row = CredentialRow(
        credential=credential_digest("sam", "password", encoded), person="sam", kind="password", label="",
        material=encoded, made_at=home.at.now() + 9,
    )  # fmt: skip
    home.at.desk.enrol(row)
    assert refused(home.sign_in, "sam", OTHER_PASSWORD) == "credentials"
    token, digest = home.at.tokens.new()
    with sqlite3.connect(home.app.home / "identity.sqlite") as file:
        file.execute("UPDATE sessions SET digest = ? WHERE person = 'sam'", (digest,))
    assert home.at.recognise(token) is None
    assert home.at.recognise(signed.token) is None
    with sqlite3.connect(home.app.home / "identity.sqlite") as file:
        file.execute("UPDATE credentials SET material = ? WHERE person = 'sam' AND kind = 'password'", (encoded,))
    home.clock.turn(seconds=60)
    assert refused(home.sign_in, "sam", OTHER_PASSWORD) == "credentials"


def test_nothing_secret_lies_in_the_ledger_or_in_the_clear(home: House) -> None:
    """Passwords, app secrets, recovery codes and tokens: neither in facts nor, readable, in any file of the home."""
    signed = home.join("sam")
    secrets = [PASSWORD, home.secrets["sam"], *home.codes["sam"], signed.token]
    found = [
        (path.name, secret[:4])
        for path in home.app.home.rglob("*")
        if path.is_file()
        for secret in secrets
        if secret.encode() in path.read_bytes()
    ]
    assert not found
    assert (home.app.home / "identity.sqlite").stat().st_mode & 0o077 == 0


def test_a_removed_apps_secret_is_destroyed_with_its_key(home: House) -> None:
    """Replaced by another app, the earlier data key is gone from the store of keys."""
    signed = home.join("sam")
    old = home.at.desk.credentials("sam", "totp")[0]
    record = home.at.desk.sealed(old.lookup)
    assert record is not None
    assert home.app.store.find_key(record.subject, record.key_id) is not None
    home.enrol(signed)
    assert home.app.store.find_key(record.subject, record.key_id) is None
    assert home.at.desk.sealed(old.lookup) is None


def test_an_app_that_was_begun_and_not_confirmed_leaves_no_secret(home: House) -> None:
    """A quarter of an hour later the secret and its data key are destroyed; a confirmed one stays."""
    signed = home.join("sam")
    made = credentials.new_app(home.at, signed.principal)
    with sqlite3.connect(home.app.home / "identity.sqlite") as file:
        assert file.execute("SELECT count(*) FROM sealed").fetchone() == (3,)
    home.clock.turn(minutes=16)
    home.at.tend()
    with sqlite3.connect(home.app.home / "identity.sqlite") as file:
        assert file.execute("SELECT count(*) FROM sealed").fetchone() == (2,)
    assert refused(credentials.confirm_app, home.at, home.sign_in("sam").principal, made.ticket, "0", source="x") != ""


def test_the_ledger_of_it_all_verifies(home: House) -> None:
    """Facts of identity replay as any others."""
    home.join("sam")
    accounts.disable_account(home.at, "olivia", "sam", "left")
    home.app.close()
    report = verify_home(home.app.home)
    assert report.ok, report.differences


def test_whoever_manages_accounts_cannot_lock_everybody_out(home: House) -> None:
    """The last one who could manage accounts cannot be disabled, and no act goes round the permission."""
    home.join("sam")
    with pytest.raises(Refused, match="nobody else could"):
        accounts.disable_account(home.at, "olivia", "olivia", "x")
    home.act_as(home.sign_in("sam"))
    for act, given in (
        (accounts.open_account, ("dr-lee",)), (accounts.reset_password, ("olivia", "x")),
        (accounts.disable_account, ("olivia", "x")), (accounts.reset_second_factors, ("olivia", "x")),
        (accounts.end_sessions, ("olivia", "x")), (accounts.rule_sign_in, ("trust", None)),
    ):  # fmt: skip
        with pytest.raises(Refused, match="not permitted"):
            act(home.at, "sam", *given)  # type: ignore[operator]


def test_the_switch_is_a_fact_and_powerful_roles_keep_their_second_factor(home: House) -> None:
    """Names are believed again only after somebody said so on record."""
    accounts.rule_sign_in(home.at, "olivia", "signed-in", ("auditor",))
    fact = home.facts("sign-in.ruled")[-1].fact
    assert {"owner", "release-engineer", "auditor"} <= set(fact.mfa_roles)  # type: ignore[union-attr]
    assert "data-scientist" not in fact.mfa_roles  # type: ignore[union-attr]
    home.act_as(None)
    assert home.app.context.require("sam", "candidate.train").auth == "local"
    home.act_as(home.sign_in("olivia"))
    accounts.rule_sign_in(home.at, "olivia", "trust", None)
    home.act_as(None)
    assert home.app.context.require("olivia", "person.add").auth == "local"


def test_a_one_time_link_opens_a_home_without_accounts_once(lab: House) -> None:
    """As whoever serves it; the first account ends such sessions."""
    link = lab.at.local_link("olivia")
    signed = lab.at.open_link(link, device="")
    assert signed.principal.auth == "local"
    assert refused(lab.at.open_link, link, device="") == "credentials"
    assert lab.at.recognise(signed.token) is not None
    waiting = lab.at.local_link("olivia")
    lab.invite("olivia")
    assert lab.at.recognise(signed.token) is None
    assert refused(lab.at.open_link, waiting, device="") == "credentials"
    assert refused(lab.at.local_link, "olivia") == "sign-in"


def test_signing_out_is_on_record_and_final(home: House) -> None:
    """The token opens nothing in any process."""
    signed = home.join("sam")
    home.at.end(signed.principal, "signed out")
    assert home.at.recognise(signed.token) is None
    fact = home.facts("session.ended")[-1].fact
    assert isinstance(fact, SessionsEnded)
    assert fact.sessions == (signed.principal.session,)


def test_a_leaver_is_out(home: House) -> None:
    """Who works here no longer has no session, whatever the account says."""
    signed = home.join("sam")
    home.app.context.append(SYSTEM, "test", PersonAdded(person="sam", name="Sam", roles=()))
    assert home.at.recognise(signed.token) is None


def test_a_person_of_the_same_id_as_a_leaver_inherits_nothing(home: House) -> None:
    """Neither password, app nor session; a new account starts from an invitation."""
    signed = home.join("sam")
    home.app.context.append(SYSTEM, "test", PersonLeft(person="sam", reason="moved"))
    assert home.at.recognise(signed.token) is None
    home.app.context.append(SYSTEM, "test", PersonAdded(person="sam", name="Samira", roles=("data-scientist",)))
    assert home.at.recognise(signed.token) is None
    assert refused(home.sign_in, "sam") == "credentials"
    assert home.at.identity().local == "signed-in"
    home.act_as(home.sign_in("olivia"))
    home.invite("sam")
    assert refused(home.sign_in, "sam") == "credentials"
