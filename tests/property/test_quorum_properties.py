"""Quorums of any shape: the evaluation agrees with a recursive reading of the file, and more witnesses never hurt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bedrail.core.errors import Invalid
from bedrail.ledger.cosignature import CosignerKey
from bedrail.ledger.quorum import Group, Witness, WitnessPolicy, parse_policy_file


@st.composite
def policies(draw: st.DrawFn) -> WitnessPolicy:
    """Up to eight witnesses in groups of groups, each a member at most once."""
    count = draw(st.integers(1, 8))
    witnesses = tuple(
        Witness(name=f"w{n}", key=CosignerKey(name=f"w{n}", algorithm="ed25519", public_key=bytes([n]) * 32))
        for n in range(count)
    )
    free, groups = [witness.name for witness in witnesses], []
    for number in range(draw(st.integers(0, 6))):
        if not free:
            break
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        groups.append(Group(name=f"g{number}", threshold=draw(st.integers(1, len(members))), members=tuple(members)))
        free = [name for name in free if name not in members] + [f"g{number}"]
    quorum = draw(st.sampled_from(["none", *(w.name for w in witnesses), *(g.name for g in groups)]))
    return WitnessPolicy(logs=(), witnesses=witnesses, groups=tuple(groups), quorum=quorum)


def written(policy: WitnessPolicy) -> bytes:
    """The policy as a file."""
    lines = [f"witness {each.name} {each.key.vkey()} {each.url}" for each in policy.witnesses]
    lines += [f"group {each.name} {each.threshold} {' '.join(each.members)}" for each in policy.groups]
    return "".join(f"{line}\n" for line in (*lines, f"quorum {policy.quorum}")).encode()


def holds(policy: WitnessPolicy, name: str, cosigned: set[str]) -> bool:
    """Recursively, from the definition."""
    group = next((each for each in policy.groups if each.name == name), None)
    if group is None:
        return name in cosigned
    return sum(holds(policy, member, cosigned) for member in group.members) >= group.threshold


@given(policies(), st.sets(st.sampled_from([f"w{n}" for n in range(8)])))
def test_the_quorum_is_that_of_its_definition(policy: WitnessPolicy, cosigned: set[str]) -> None:
    """For every set of cosigners, `none` included."""
    known = {each.name for each in policy.witnesses}
    expected = policy.quorum == "none" or holds(policy, policy.quorum, cosigned & known)
    assert policy.met_by(cosigned) == expected


@given(policies(), st.sets(st.sampled_from([f"w{n}" for n in range(8)])), st.integers(0, 7))
def test_one_more_cosignature_never_undoes_a_quorum(policy: WitnessPolicy, cosigned: set[str], more: int) -> None:
    """Monotone."""
    assert policy.met_by(cosigned | {f"w{more}"}) or not policy.met_by(cosigned)


@given(policies())
def test_a_policy_is_read_as_it_was_written(policy: WitnessPolicy) -> None:
    """Write, read, the same."""
    assert parse_policy_file(written(policy)) == policy


@given(
    st.binary(max_size=400)
    | st.lists(
        st.sampled_from(
            [b"log ", b"witness ", b"group ", b"quorum ", b"any ", b"W", b"\n", b"\t", b"none", b"\xff", b"1"]
        ),
        max_size=40,
    ).map(b"".join)
)
def test_any_bytes_are_a_policy_or_invalid(data: bytes) -> None:
    """Nothing but `Invalid` is raised, and it names the file."""
    try:
        parse_policy_file(data, "the-file")
    except Invalid as error:
        named = error.path
    else:
        named = "the-file"
    assert named.startswith("the-file")
