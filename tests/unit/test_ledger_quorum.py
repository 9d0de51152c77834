"""Witness policies: what may stand in the file, and what is said about a line that may not."""

from __future__ import annotations

import pytest

from bedrail.core.errors import Corrupt, Invalid
from bedrail.keys.signing import VERIFIERS
from bedrail.ledger.checkpoint import NoteSignature
from bedrail.ledger.cosignature import CosignerKey, cosign
from bedrail.ledger.quorum import parse_policy_file, witnessed
from bedrail.ledger.witness import merged
from ledger_parts import signer
from witness_parts import Log

LOG = Log().grow(5)


def cosigner(number: int) -> CosignerKey:
    """The key of a witness of this number."""
    return CosignerKey(name=f"w{number}.example", algorithm="ed25519", public_key=signer(number + 20).public_key)


def cosigned(number: int, size: int = 5, at: int = 1_700_000_000) -> NoteSignature:
    """Its cosignature of the log."""
    return cosign(LOG.checkpoint(size), cosigner(number), at, signer(number + 20).sign)


def text(*lines: str) -> bytes:
    """A policy of these lines, with three witnesses before them."""
    head = [f"log {LOG.vkey} https://log.example/", *(f"witness W{n} {cosigner(n).vkey()}" for n in (1, 2, 3))]
    return "".join(f"{line}\n" for line in (*head, *lines)).encode()


def test_a_policy_with_groups_is_read() -> None:
    """Comments, tabs, empty lines, URLs, two levels of groups."""
    policy = parse_policy_file(
        text("# two of ours", "", " \t", "group ours\t2  W1 W2", "group both all ours W3", "  quorum both ")
    )
    assert [witness.name for witness in policy.witnesses] == ["W1", "W2", "W3"]
    assert policy.logs[0].url == "https://log.example/"
    assert policy.met_by({"W1", "W2", "W3"})
    assert not policy.met_by({"W1", "W2"})
    assert not policy.met_by({"W1", "W3"})
    assert not policy.met_by({"ours", "both"})


def test_quorum_none_asks_for_nobody() -> None:
    """`quorum none` is met by nobody at all."""
    assert parse_policy_file(b"quorum none\n").met_by(())


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (["quorum W9"], 5),
        (["quorum W1", "quorum W1"], 6),
        (["group g 2 W1", "quorum g"], 5),
        (["group g 0 W1", "quorum g"], 5),
        (["group g 01 W1", "quorum g"], 5),
        (["group g some W1", "quorum g"], 5),
        (["group g any", "quorum g"], 5),
        (["group g any none", "quorum g"], 5),
        (["group none any W1", "quorum none"], 5),
        (["group W1 any W2", "quorum W1"], 5),
        (["group g any W1 W1", "quorum g"], 5),
        (["group g any W1", "group h any W1", "quorum g"], 6),
        (["group g any h", "group h any W1", "quorum g"], 5),
        (["group g any g", "quorum g"], 5),
        (["quorum g", "group g any W1"], 5),
        (["quorum"], 5),
        (["quorum W1 W2"], 5),
        ([f"witness W4 {cosigner(1).vkey()}", "quorum W4"], 5),
        ([f"witness W1 {cosigner(4).vkey()}", "quorum W1"], 5),
        ([f"witness W4 {LOG.vkey}", "quorum W4"], 5),
        (["witness W4", "quorum W1"], 5),
        ([f"log {LOG.vkey}", "quorum W1"], 5),
        ([f"log {cosigner(4).vkey()}", "quorum W1"], 5),
        (["log", "quorum W1"], 5),
        (["quorums W1"], 5),
        (["quorum W1\r"], 5),
        (["quorum\u00a0W1"], 5),
        (["# \x00", "quorum W1"], 5),
        (["group g any W1"], 5),
    ],
)
def test_a_line_that_is_not_allowed_is_named_by_its_number(lines: list[str], number: int) -> None:
    """Each rule of the format, broken once."""
    with pytest.raises(Invalid) as caught:
        parse_policy_file(text(*lines), "p")
    assert caught.value.path == f"p:{number}"


def test_the_last_line_ends_too() -> None:
    """A file cut short is not a policy."""
    with pytest.raises(Invalid, match="does not end"):
        parse_policy_file(b"quorum none")


def test_names_are_octets() -> None:
    """The Kelvin sign is no K, and bytes that are no UTF-8 name a witness too."""
    key = cosigner(1).vkey().encode()
    odd = parse_policy_file(b"witness \xff\xe2\x84\xaa " + key + b"\nquorum \xff\xe2\x84\xaa\n")
    assert odd.met_by({odd.witnesses[0].name})
    with pytest.raises(Invalid):
        parse_policy_file(b"witness \xe2\x84\xaa " + key + b"\nquorum K\n")


def test_a_checkpoint_counts_with_the_cosignatures_that_verify() -> None:
    """Two of three; the times are told; strangers' lines are passed over."""
    policy = parse_policy_file(text("group g 2 W1 W2 W3", "quorum g"))
    note = LOG.note(5)
    assert not witnessed(note, policy, VERIFIERS).met
    one = merged(note, [cosigned(1), cosigned(9)])
    assert witnessed(one, policy, VERIFIERS).times == {"W1": 1_700_000_000}
    assert not witnessed(one, policy, VERIFIERS).met
    assert witnessed(merged(one, [cosigned(3)]), policy, VERIFIERS).met


def test_a_checkpoint_of_another_log_or_with_a_bent_line_does_not_count() -> None:
    """Its log must be in the policy, and a known key's line must verify."""
    policy = parse_policy_file(text("quorum W1"))
    with pytest.raises(Corrupt):
        witnessed(Log(seed=9).grow(5).note(5), policy, VERIFIERS)
    other = cosigned(1, size=4)
    with pytest.raises(Corrupt):
        witnessed(merged(LOG.note(5), [other]), policy, VERIFIERS)


def test_a_newer_cosignature_takes_the_place_of_the_older() -> None:
    """Merging twice leaves one line for each key, and the log's own first."""
    note = merged(merged(LOG.note(5), [cosigned(1)]), [cosigned(1, at=1_800_000_000)])
    policy = parse_policy_file(text("quorum W1"))
    assert witnessed(note, policy, VERIFIERS).times == {"W1": 1_800_000_000}
    assert note.count(b"\xe2\x80\x94 ") == 2
