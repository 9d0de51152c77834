"""Ways around signing in: forged tickets, passwords left behind, old proofs, emergencies; none of them leads in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bedrail.core.events import NoticeGiven, decode
from bedrail.governance.sessions import FRESH_SECONDS
from bedrail.journeys import accounts, breaking_glass, credentials, signing_in
from bedrail.journeys.signing_in import Halfway
from reception_house import OTHER_PASSWORD, PASSWORD, WHERE, House, house, refused


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """The owner has an account, is signed in, and acts."""
    made = house(tmp_path)
    yield made
    made.app.close()


def test_a_ticket_written_behind_the_systems_back_sets_no_password(home: House) -> None:
    """An invitation counts only for an account without a password on record: invited, or reset by a colleague."""
    home.join("sam", app=False)
    home.at.keep("invitation", "forged", "sam", 3600.0, b"")
    assert refused(signing_in.accept_invitation, home.at, "forged", OTHER_PASSWORD, **WHERE) == "credentials"
    assert home.sign_in("sam")


def test_without_a_present_password_a_new_one_takes_a_recent_proof(home: House) -> None:
    """A session left open by somebody who comes by provider or passkey leaves no password behind."""
    home.invite("sam")
    accounts.trust_provider(
        home.at, "olivia", "https://id.example", "bedrail", "", name="Northgate", acr=(), amr=("mfa",)
    )
    accounts.link_account(home.at, "olivia", "sam", "https://id.example", "8f1c")
    signed = home.at.begin("sam", "oidc:https://id.example", mfa=True, door="web", device="a browser")
    home.clock.turn(seconds=FRESH_SECONDS + 1)
    change = signing_in.change_password
    assert refused(change, home.at, signed.principal, "", OTHER_PASSWORD, source="192.0.2.7") == "step-up"
    renewed = home.at.renew(signed.principal, "oidc:https://id.example", mfa=True)
    change(home.at, renewed.principal, "", OTHER_PASSWORD, source="192.0.2.7")
    assert home.sign_in("sam", OTHER_PASSWORD)


def test_coming_in_through_a_provider_is_no_fresh_proof(home: House) -> None:
    """It may have let in a session of this morning: a browser left unlocked adds no passkey. Asked anew, it is."""
    home.invite("sam")
    issuer = "https://id.example"
    accounts.trust_provider(home.at, "olivia", issuer, "bedrail", "", name="Northgate", acr=(), amr=("mfa",))
    signed = home.at.begin("sam", f"oidc:{issuer}", mfa=True, door="web", device="a browser")
    known = home.at.recognise(signed.token)
    assert known is not None
    assert known.auth_time == signed.principal.auth_time
    assert refused(credentials.new_app, home.at, known) == "step-up"
    assert credentials.new_app(home.at, home.at.renew(known, f"oidc:{issuer}", mfa=True).principal)


def test_an_emergency_role_is_proved_as_if_it_were_held(home: House) -> None:
    """Where clinicians need no second factor, a mere name or a password takes no powerful role, nor acts in one."""
    accounts.rule_sign_in(home.at, "olivia", "signed-in", ("owner",))
    why = "lead unreachable, wrong risks"
    home.act_as(None)
    assert home.app.context.require("dr-lee", "registry.read")
    take = breaking_glass.break_glass
    assert refused(take, home.app.context, "dr-lee", "release-engineer", why) == "sign-in"
    home.act_as(home.sign_in("olivia"))
    one_factor = home.join("dr-lee", app=False)
    home.act_as(one_factor)
    assert refused(take, home.app.context, "dr-lee", "release-engineer", why) == "second-factor"
    home.act_as(home.enrol(one_factor))
    assert take(home.app.context, "dr-lee", "release-engineer", why)
    assert home.app.context.require("dr-lee", "deployment.halt")
    home.act_as(one_factor)
    assert refused(home.app.context.require, "dr-lee", "deployment.halt") == "second-factor"


def test_a_new_password_ends_what_was_half_signed_in_with_the_old_one(home: House) -> None:
    """Changed by its person, or reset by a colleague: the first half must be shown again."""
    signed = home.join("sam")
    half = signing_in.with_password(home.at, "sam", PASSWORD, **WHERE)
    assert isinstance(half, Halfway)
    signing_in.change_password(home.at, signed.principal, PASSWORD, OTHER_PASSWORD, source="192.0.2.7")
    assert refused(signing_in.with_code, home.at, half.ticket, home.code("sam"), **WHERE) == "sign-in"
    half = signing_in.with_password(home.at, "sam", OTHER_PASSWORD, **WHERE)
    assert isinstance(half, Halfway)
    accounts.reset_password(home.at, "olivia", "sam", "laptop stolen")
    assert refused(signing_in.with_code, home.at, half.ticket, home.code("sam"), **WHERE) == "sign-in"


def test_dropping_a_provider_ends_sessions_whose_second_factor_was_shown_here(home: House) -> None:
    """They rest on its word too."""
    home.join("sam")
    issuer = "https://id.example"
    accounts.trust_provider(home.at, "olivia", issuer, "bedrail", "", name="Northgate", acr=(), amr=())
    signed = home.at.begin("sam", f"oidc:{issuer}+totp", mfa=True, door="web", device="a browser")
    other = home.at.begin("sam", f"oidc:{issuer}/other+totp", mfa=True, door="web", device="a browser")
    accounts.drop_provider(home.at, "olivia", issuer, "contract ended")
    assert home.at.recognise(signed.token) is None
    assert home.at.recognise(other.token) is not None


def test_whoever_could_take_an_account_over_is_told_on_by_notice(home: House) -> None:
    """Resetting a password or second factors, trusting a provider and linking to it: person and officers hear of it."""
    home.join("sam", app=False)
    context = home.app.context
    before = context.ledger.head().size
    accounts.reset_password(home.at, "olivia", "sam", "forgot it")
    accounts.trust_provider(home.at, "olivia", "https://id.example", "bedrail", "", name="Northgate", acr=(), amr=())
    accounts.link_account(home.at, "olivia", "sam", "https://id.example", "8f1c")
    facts = [decode(data).fact for _, data in context.tape.entries(before)]
    notices = [fact for fact in facts if isinstance(fact, NoticeGiven)]
    assert [notice.about for notice in notices] == ["sam", "https://id.example", "sam"]
    assert all(notice.kind == "account" and "olivia" not in notice.to for notice in notices)
    assert "sam" in notices[0].to
