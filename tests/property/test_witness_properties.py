"""A witness over any sequence of submissions: what it cosigned is always one growing history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bedrail.core.errors import Invalid
from bedrail.ledger.checkpoint import Checkpoint, parse_checkpoint, parse_note
from bedrail.ledger.merkle import consistency_proof, root_of
from bedrail.ledger.witness import MOST_PROOF_LINES, Submission, judge, parse_submission
from witness_parts import Log

BRANCHES = [Log().grow(40), Log().grow(40).forked(7, "b"), Log().grow(40).forked(23, "c")]
NOTE = BRANCHES[0].note(9)


@st.composite
def submissions(draw: st.DrawFn) -> tuple[Log, int, int, Submission]:
    """From any size to any size of any branch; the proof of this branch, of another, bent, or none."""
    log, of = draw(st.sampled_from(BRANCHES)), draw(st.sampled_from(BRANCHES))
    old, new = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    proof = consistency_proof(of.leaves, old, new) if 0 < old <= new else []
    kind = draw(st.sampled_from(["whole", "whole", "short", "long"]))
    proof = proof[:-1] if kind == "short" else [*proof, bytes(32)] if kind == "long" else proof
    return log, old, new, Submission(old=old, proof=tuple(proof), note=b"")


@given(st.lists(submissions(), max_size=12))
def test_whatever_it_is_asked_a_witness_cosigns_one_growing_history(
    asked: list[tuple[Log, int, int, Submission]],
) -> None:
    """Each cosigned tree begins with the one before; a refusal leaves its memory as it was."""
    latest: Checkpoint | None = None
    leaves: list[bytes] = []
    for log, old, new, submission in asked:
        checkpoint = log.checkpoint(new)
        judged = judge(submission, checkpoint, latest)
        size = 0 if latest is None else latest.size
        if judged.status == 200:
            assert old == size <= new
            assert log.leaves[:size] == leaves[:size]
            latest, leaves = checkpoint, log.leaves[:new]
            assert root_of(leaves) == checkpoint.root
        elif judged.size is not None:
            assert (judged.status, judged.size) == (409, size)
        if old > new:
            assert judged.status == 400
        elif old != size:
            assert judged.status == 409


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_sound_submission_reads_as_it_was_written(old: int, new: int) -> None:
    """Size, proof and note come back byte for byte."""
    log = BRANCHES[0]
    sent = log.submission(min(old, new), max(old, new))
    read, note, checkpoint = parse_submission(sent.body())
    assert read == sent
    assert len(read.proof) <= MOST_PROOF_LINES
    assert note == parse_note(sent.note)
    assert checkpoint == parse_checkpoint(note.text) == log.checkpoint(max(old, new))


@given(
    st.binary(max_size=300)
    | st.lists(
        st.sampled_from([b"old ", b"0", b"9", b"\n", b"\n\n", b"A" * 43 + b"=", NOTE, NOTE[:40], b"\xff", b"\r", b" "]),
        max_size=12,
    ).map(b"".join)
)
def test_any_bytes_are_a_submission_or_invalid(body: bytes) -> None:
    """Nothing but `Invalid` is raised; what is read writes the same body again."""
    try:
        read = parse_submission(body)[0]
    except Invalid as error:
        named = error.path
    else:
        named = "body"
        assert read.body() == body
    assert named == "body"


@given(st.integers(0, len(Log().grow(40).submission(9, 40).body()) * 8 - 1))
def test_no_flipped_bit_of_a_submission_is_read_as_the_same_checkpoint_signed(bit: int) -> None:
    """Old size, proof, text or signature: one of them is another one then, or the body is no submission."""
    sent = BRANCHES[0].submission(9, 40)
    body = bytearray(sent.body())
    body[bit // 8] ^= 1 << bit % 8
    try:
        read = parse_submission(bytes(body))[0]
    except Invalid:
        return
    assert read != sent
