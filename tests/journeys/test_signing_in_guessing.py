"""Guessing: how often somebody may be wrong, what they learn from it, and what the ledger says of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bedrail.core.errors import Refused
from bedrail.core.events import SignedIn
from bedrail.governance.attempts import WINDOW_SECONDS, source_limit
from bedrail.journeys import accounts, signing_in
from bedrail.journeys.signing_in import Halfway
from bedrail.keys.passwords import Argon2Passwords
from reception_house import PASSWORD, WHERE, House, house, refused


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """The owner has an account, is signed in, and acts."""
    made = house(tmp_path)
    yield made
    made.app.close()


def test_nobody_learns_who_has_an_account(home: House) -> None:
    """The same words for a wrong password, a stranger, an account without password and a disabled one, and one hash."""
    home.join("sam")
    home.invite("sue")
    home.join("dr-lee")
    accounts.disable_account(home.at, "olivia", "dr-lee", "on leave")
    said, asked = set(), []
    verify = home.at.passwords.verify

    class Counted(Argon2Passwords):
        def verify(self, encoded: str, password: str) -> bool:
            asked.append(1)
            return verify(encoded, password)

    home.at.passwords = Counted(memory_kib=64, passes=1)
    people = (
        ("sam", "wrong"),
        ("sue", PASSWORD),
        ("dr-lee", PASSWORD),
        ("dr-adams", PASSWORD),
        ("ghost", "x"),
        ("", ""),
    )
    for number, (person, password) in enumerate(people):
        with pytest.raises(Refused) as error:
            signing_in.with_password(home.at, person, password, **(WHERE | {"source": f"192.0.2.{number}"}))
        said.add((str(error.value), error.value.reasons))
    assert len(said) == 1
    assert len(asked) == len(people)


def test_ten_refusals_in_five_minutes_close_a_name_and_an_address(home: House) -> None:
    """The wait grows; after ten nothing is looked at until five minutes passed; another name from elsewhere goes on."""
    home.join("sam")
    home.join("sue")
    waits = []
    for _ in range(10):
        assert refused(signing_in.with_password, home.at, "sam", "wrong", **WHERE) == "credentials"
        with pytest.raises(Refused) if len(waits) > 1 else contextlib.nullcontext() as error:
            signing_in.with_password(home.at, "sam", PASSWORD, **WHERE)
        waits.append(int(error.value.reasons[1]) if error is not None else 0)
        home.clock.turn(seconds=min(waits[-1], 100))
    assert waits == sorted(waits)
    assert waits[:3] == [0, 0, 2]
    assert waits[-1] > 200
    elsewhere = WHERE | {"source": "198.51.100.4"}
    assert isinstance(signing_in.with_password(home.at, "sue", PASSWORD, **elsewhere), Halfway)


def test_one_who_guesses_from_a_whole_ipv6_network_is_one_address(home: House) -> None:
    """Another address of the same /64 is no new start; another network is; IPv4 within IPv6 is that IPv4 address."""
    for turn in range(10):
        where = WHERE | {"source": f"2001:db8:1:2::{turn + 1:x}"}
        assert refused(signing_in.with_password, home.at, f"guess-{turn}", "wrong", **where) == "credentials"
    within, outside = WHERE | {"source": "2001:db8:1:2:ffff::1"}, WHERE | {"source": "2001:db8:1:3::1"}
    assert refused(signing_in.with_password, home.at, "guess-10", "wrong", **within) == "rate"
    assert refused(signing_in.with_password, home.at, "guess-10", "wrong", **outside) == "credentials"
    assert source_limit("::ffff:192.0.2.7") == source_limit("192.0.2.7")


def test_five_wrong_codes_close_the_second_factor_whichever_half_sign_in_they_belong_to(home: House) -> None:
    """A new half sign-in, or another address, starts no new count."""
    home.join("sam")
    for number in range(5):
        source = WHERE | {"source": f"192.0.2.{number}"}
        half = signing_in.with_password(home.at, "sam", PASSWORD, **source)
        assert isinstance(half, Halfway)
        assert refused(signing_in.with_code, home.at, half.ticket, "000000", **source) == "credentials"
        home.clock.turn(seconds=20)
    half = signing_in.with_password(home.at, "sam", PASSWORD, **WHERE)
    assert isinstance(half, Halfway)
    assert refused(signing_in.with_code, home.at, half.ticket, home.code("sam"), **WHERE) == "rate"
    home.clock.turn(seconds=WINDOW_SECONDS)
    assert home.sign_in("sam").principal.mfa


def test_many_attempts_at_once_do_not_pass_the_limit_together(home: House) -> None:
    """Each is counted before it is looked at."""
    home.join("sam")

    def attempt(_: int) -> str:
        with pytest.raises(Refused) as error:
            signing_in.with_password(home.at, "sam", "wrong", **WHERE)
        return error.value.reasons[0]

    with ThreadPoolExecutor(8) as pool:
        ways = list(pool.map(attempt, range(40)))
    assert ways.count("credentials") <= 3
    assert ways.count("rate") >= 37


def test_refusals_come_on_record_in_one_fact_for_five_minutes(home: House) -> None:
    """However many there were; names of strangers are counted, and not written down."""
    home.join("sam")
    before = len(home.facts("session.refused"))
    for number in range(200):
        person = "sam" if number % 4 == 0 else f"patient-{number}"
        with contextlib.suppress(Refused):
            signing_in.with_password(home.at, person, "wrong", **(WHERE | {"source": f"198.51.100.{number % 50}"}))
        home.clock.turn(seconds=6)
    home.clock.turn(minutes=6)
    home.at.tend()
    told = [entry.fact for entry in home.facts("session.refused")[before:]]
    assert 1 <= len(told) <= 5
    assert sum(fact.count for fact in told) >= 100  # type: ignore[union-attr]
    assert {person for fact in told for person in fact.people} == {"sam"}  # type: ignore[union-attr]


def test_a_success_says_how_often_it_was_refused_before(home: House) -> None:
    """So that the person and the auditor can see it."""
    home.join("sam")
    for _ in range(2):
        assert refused(signing_in.with_password, home.at, "sam", "wrong", **WHERE) == "credentials"
    home.sign_in("sam")
    fact = home.facts("session.opened")[-1].fact
    assert isinstance(fact, SignedIn)
    assert (fact.person, fact.auth, fact.mfa, fact.refused_before) == ("sam", "password+totp", True, 2)


def test_what_strangers_type_as_a_name_is_kept_nowhere(home: House) -> None:
    """It may be a patient's name, or a password in the wrong field."""
    for typed in ("Featherstone, Ada 49474545", "my secret sentence"):
        assert refused(signing_in.with_password, home.at, typed, "x", **WHERE) == "credentials"
    home.clock.turn(minutes=6)
    home.at.tend()
    files = [path.read_bytes() for path in home.app.home.rglob("*") if path.is_file()]
    assert not [data for data in files if b"Featherstone" in data or b"secret sentence" in data or b"192.0.2.7" in data]
