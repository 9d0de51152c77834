"""Which passwords are accepted, as a table (NIST SP 800-63B-4, OWASP ASVS 5.0 6.2)."""

from __future__ import annotations

import unicodedata
from hashlib import sha1
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid
from bedrail.governance.passwords import LONGEST, check_password, normalised, too_common
from bedrail.stores.breached import BreachedPasswords

ABOUT = ("olivia", "Olivia Featherstone", "demo.northgate.example/bedrail")

GOOD = (
    "seven grumpy otters juggle", "my-old bicycle squeaks in rain", "9f#kQz!w27LmPx4", "Kürbis trifft Leuchtturm um 3",
    "правильная лошадь батарея", "               x y z fjord quartz", "🦉🦊🐢🦔🐝🦋🐌🐞🦕🐙🦑🦐🐡🐬🐳🦭",
    "a" * 20 + "fjord glyph vext bank", "x" * 4 + "q7!" * 3 + "unlikely-words-here",
)  # fmt: skip
COMMON = (
    "passwordpassword", "Password1234567!", "P@ssw0rd2024!!!!", "qwertyuiop123456", "1q2w3e4r5t6y7u8i",
    "aaaaaaaaaaaaaaaa",
    "abcabcabcabcabcabc", "1234567890123456", "98765432109876543", "Welcome1234567!", "iloveyou12345678",
    "trustno1trustno1", "Summer2026Hospital", "princess12345678", "letmeinletmein12", "hospital12345678",
    "bedrailbedrail1!", "olivia-olivia-olivia", "Featherstone2026", "oliviafeatherstone", "northgate1234567",
    "superman12345678", "zaq12wsxcde34rfv", "footballfootball", "Passwort12345678", "doctor123456789!",
    "asdfghjklqwertyuiop", "michaeljackson1987"[:7] * 3, "monkeydragonmonkey", "changemechangeme",
)  # fmt: skip


@pytest.mark.parametrize("password", GOOD)
def test_long_uncommon_passwords_of_any_characters_are_accepted(password: str) -> None:
    """No rule about kinds of characters; spaces, other scripts and emoji count."""
    assert check_password(password, second_factor=False, about=ABOUT) == normalised(password)


@pytest.mark.parametrize("password", COMMON)
def test_what_attackers_try_first_is_refused_without_repeating_it(password: str) -> None:
    """Common words, names, the installation, runs, repetitions, also disguised by digits and signs."""
    with pytest.raises(Invalid) as refused:
        check_password(password, second_factor=False, about=ABOUT)
    assert password not in str(refused.value)
    assert too_common(password, ABOUT)


@pytest.mark.parametrize(
    ("length", "second", "accepted"), [(11, True, 0), (12, True, 1), (14, False, 0), (15, False, 1)]
)
def test_twelve_characters_do_with_a_second_factor_and_fifteen_without(
    length: int, second: bool, accepted: bool
) -> None:
    """ASVS 6.2.1 asks for 8 and recommends 15."""
    password = "fjordglyphvextq"[:length]
    if accepted:
        assert check_password(password, second_factor=second) == password
    else:
        with pytest.raises(Invalid, match="fewer than"):
            check_password(password, second_factor=second)


def test_a_hundred_and_twenty_eight_characters_are_allowed_and_no_more() -> None:
    """ASVS 6.2.9 asks for at least 64."""
    sentence = ("fjord quartz vext glyph bank " * 10)[:LONGEST]
    whole = sentence[:60] + "7#kQz!w27LmPx4" * 5
    assert len(check_password(whole[:LONGEST], second_factor=False)) == LONGEST
    with pytest.raises(Invalid, match="more than"):
        check_password(whole[:LONGEST] + "x", second_factor=False)


def test_one_password_typed_on_two_systems_is_one_password() -> None:
    """Composed and decomposed accents are the same after NFC."""
    composed, apart = "Kürbis trifft Leuchtturm", unicodedata.normalize("NFD", "Kürbis trifft Leuchtturm")
    assert composed != apart
    assert check_password(composed, second_factor=False) == check_password(apart, second_factor=False)


def test_a_list_of_stolen_passwords_is_asked_when_there_is_one(tmp_path: Path) -> None:
    """Sorted SHA-1 digests, as such lists are published; first, middle, last and absent ones."""
    stolen = [f"stolen sentence number {number}" for number in range(500)]
    lines = sorted(sha1(each.encode(), usedforsecurity=False).hexdigest().upper() for each in stolen)
    file = tmp_path / "breached-passwords.txt"
    known = BreachedPasswords(file)
    assert stolen[0] not in known
    file.write_text("".join(f"{line}:{number}\n" for number, line in enumerate(lines)))
    assert all(each in known for each in stolen)
    assert not [each for each in (f"fjord quartz vext {n}" for n in range(500)) if each in known]
    with pytest.raises(Invalid, match="stolen elsewhere"):
        check_password(stolen[7], second_factor=False, breached=known)
