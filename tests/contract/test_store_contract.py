"""What both SQL stores promise beyond the tape: views, differences, records, destroyed keys, several processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid
from bedrail.core.events import DecisionAnswered, DecisionFellBack, OutcomeObserved, decode
from bedrail.core.ports import Pruned
from bedrail.keys import AesVault
from ledger_parts import USE_CASE, Home, answered, fell_back, home, observed, person, responded
from postgres_server import server


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest) -> str:
    """Empty for SQLite; otherwise a fresh schema of a real PostgreSQL."""
    return server().schema() if request.param == "postgres" else ""


@pytest.fixture
def small(tmp_path: Path, address: str) -> Iterator[Home]:
    """Twelve decisions, of which some were answered, reviewed, and observed."""
    made = home(tmp_path, address=address)
    vault = made.vault
    made.ledger.append([person(0), answered(1, vault), answered(2, vault, mode="review"), fell_back(3)])
    made.ledger.append([answered(4, vault, mode="review"), answered(5, vault, shown=False), observed(6, 1, vault)])
    made.ledger.append([responded(7, 2, "overridden"), responded(8, 2), observed(9, 5, vault), observed(10, 1, vault)])
    yield made
    made.close()


def test_decisions_are_told_as_their_facts_say(small: Home) -> None:
    """An answer and a fallback, field by field."""
    row = small.store.decision(f"D{1:025d}")
    assert row is not None
    assert (row.kind, row.mode, row.shown, row.seq, row.guard) == ("answered", "inform", True, 1, "")
    row = small.store.decision(f"D{3:025d}")
    assert row is not None
    assert (row.kind, row.mode, row.shown, row.guard, row.reason) == (
        "fell-back",
        "",
        False,
        "inputs",
        "age is missing",
    )
    assert small.store.decision("absent") is None


def test_decisions_are_filtered_and_limited(small: Home) -> None:
    """By use case, candidate, time and position, forwards and backwards."""
    ask = small.store.decisions
    assert [row.seq for row in ask(USE_CASE)] == [1, 2, 3, 4, 5]
    assert [row.seq for row in ask(USE_CASE, candidate="c" * 64, limit=2)] == [1, 2]
    assert [row.seq for row in ask(USE_CASE, after_seq=3)] == [4, 5]
    assert [row.seq for row in ask(USE_CASE, newest_first=True, limit=2)] == [5, 4]
    assert [row.seq for row in ask(USE_CASE, since="2026-01-01T00:00:04")] == [4, 5]
    assert ask("other") == ask(USE_CASE, candidate="other") == []


def test_responses_and_outcomes_follow_their_decision(small: Home) -> None:
    """All responses in order; of outcomes the latest."""
    assert [row.response for row in small.store.responses(f"D{2:025d}")] == ["overridden", "confirmed"]
    outcome = small.store.outcome(f"D{1:025d}")
    assert outcome is not None
    assert outcome.seq == 10
    assert small.store.outcome(f"D{2:025d}") is None
    assert small.store.entries_about(f"D{1:025d}") == [1, 10]


def test_outcomes_arrive_in_the_order_of_the_ledger(small: Home) -> None:
    """A monitor that remembers the last index sees each arrival once."""
    arrived = small.store.decided_with_outcomes(USE_CASE)
    assert [(decision.seq, outcome.seq) for decision, outcome in arrived] == [(5, 9), (1, 10)]
    assert [outcome.seq for _, outcome in small.store.decided_with_outcomes(USE_CASE, after_seq=9)] == [10]
    assert small.store.decided_with_outcomes(USE_CASE, candidate="other") == []
    assert len(small.store.decided_with_outcomes(USE_CASE, limit=1)) == 1


def test_the_review_queue_holds_what_nobody_answered(small: Home) -> None:
    """Decision 4 waits, decision 2 was responded to."""
    assert [row.seq for row in small.store.review_queue(USE_CASE)] == [4]


def test_counts_say_how_many_of_each(small: Home) -> None:
    """Answers, fallbacks, what was shown, responses, outcomes, what waits."""
    assert small.store.counts(USE_CASE) == {
        "answered": 4,
        "fell-back": 1,
        "shown": 3,
        "outcomes": 2,
        "awaiting-review": 1,
        "overridden": 1,
        "confirmed": 1,
    }
    assert set(small.store.counts("other").values()) == {0}


def test_when_a_subject_was_last_seen_is_the_newest_fact_about_it(small: Home) -> None:
    """As a fold over the entries says, page by page, and only where it is before the day that is asked about."""
    newest: dict[str, str] = {}
    for _, data in small.store.entries():
        entry = decode(data)
        if isinstance(entry.fact, DecisionAnswered | DecisionFellBack | OutcomeObserved):
            newest[entry.fact.subject] = max(newest.get(entry.fact.subject, ""), entry.at)
    assert len(newest) > 2
    pages, after = [], ""
    while page := small.store.last_seen("9999", after, 2):
        pages += page
        after = page[-1][0]
    assert pages == sorted(newest.items())
    middle = sorted(newest.values())[len(newest) // 2]
    assert dict(small.store.last_seen(middle, "", 100)) == {s: at for s, at in newest.items() if at < middle}


def test_an_entry_is_found_by_its_decision(small: Home) -> None:
    """Index and bytes of the fact itself."""
    found = small.store.find_entry(f"D{4:025d}")
    assert found is not None
    assert found[0] == 4
    assert found[1] == small.store.entry(4)
    assert decode(found[1]).id == f"E{4:025d}"
    assert small.store.entry(99) is None
    assert small.store.find_entry("absent") is None


def test_untouched_views_and_records_show_no_difference(small: Home) -> None:
    """Rebuilding from the facts gives what stands there."""
    assert small.store.rebuild_differences() == []
    assert small.store.record_differences() == []


@pytest.mark.parametrize(
    "sql, found",
    [
        ("UPDATE decisions SET shown = 0 WHERE seq = 1", f"view table decisions, row D{1:025d}, column shown"),
        ("UPDATE decisions SET stage = 'pilot' WHERE seq = 3", f"view table decisions, row D{3:025d}, column stage"),
        ("UPDATE decisions SET decision = 'x' WHERE seq = 1", "view table decisions, row x: has no fact"),
        ("DELETE FROM decisions WHERE seq = 4", f"view table decisions, row D{4:025d}: is missing"),
        ("UPDATE responses SET response = 'confirmed' WHERE seq = 7", "view table responses, row 7, column response"),
        ("DELETE FROM outcomes WHERE seq = 9", f"view table outcomes, row D{5:025d}: is missing"),
        ("UPDATE outcomes SET record = '' WHERE seq = 10", f"view table outcomes, row D{1:025d}, column record"),
        ("UPDATE tape SET action = 'outcome.observed' WHERE seq = 0", "tape, row 0, column action"),
        ("UPDATE tape SET entry = ? WHERE seq = 0", "tape, row 0: the entry cannot be read"),
        ("DROP TABLE outcomes", "view table outcomes: cannot be read"),
    ],
)
def test_a_view_changed_behind_the_systems_back_is_named(small: Home, sql: str, found: str) -> None:
    """Table, row and column; and rebuilding mends what is a view."""
    small.tamper(sql, (b"{",) if "?" in sql else ())
    differences = small.store.rebuild_differences()
    assert any(line.startswith(found) for line in differences), differences
    if "tape" not in sql and "DROP" not in sql:
        small.store.rebuild()
        assert small.store.rebuild_differences() == []


@pytest.mark.parametrize(
    "sql, found",
    [
        ("UPDATE records SET ciphertext = ? WHERE seq = 1", f"records, row D{1:025d}, column ciphertext"),
        ("DELETE FROM records WHERE seq = 2", "records: the record of ledger entry 2 is missing"),
        ("UPDATE records SET seq = 77 WHERE seq = 2", f"records, row D{2:025d}: belongs to no ledger entry"),
        ("UPDATE records SET key_id = 'x' WHERE seq = 2", f"records, row D{2:025d}: its data key is missing"),
    ],
)
def test_a_changed_record_is_named(small: Home, sql: str, found: str) -> None:
    """By the record's id, against the digest in its fact."""
    small.tamper(sql, (b"{",) if "?" in sql else ())
    differences = small.store.record_differences()
    assert any(line.startswith(found) for line in differences), differences


def test_a_pruned_range_keeps_its_hashes_and_what_governs(small: Home) -> None:
    """Entries 0 to 5: decisions go with records and rows in views, the person stays; what lies beyond is as it was."""
    store, size = small.store, small.store.head().size
    leaves, responses = store.leaves(), store.responses(f"D{2:025d}")
    about = store.decision(f"D{1:025d}")
    assert about is not None
    assert store.decided_about([about.subject, "s-unknown"], 0, 6) == [about.subject]
    gone = store.prune(0, 6)
    assert (gone.entries, gone.records) == (5, 4)
    assert store.prune(0, 6) == Pruned(entries=0, records=0)
    assert [index for index, _ in store.entries()] == [0, *range(6, size)]
    assert [len(entry) > 0 for page in store.sealed_pages() for _, _, entry in page] == [
        True,
        *[False] * 5,
        *[True] * 5,
    ]
    assert [index for index, _ in store.registry_entries()] == [0]
    assert store.leaves() == leaves
    assert store.decisions(USE_CASE) == []
    assert store.responses(f"D{2:025d}") == responses
    assert store.rebuild_differences() == []
    assert store.record_differences() == []


def test_a_destroyed_key_forgets_the_subject_and_leaves_the_ledger_whole(tmp_path: Path, address: str) -> None:
    """Records are gone for good, bytes of the key too; every digest and proof stays valid."""
    made = home(tmp_path, entries=30, address=address)
    subject, record_id = f"{3:032x}", f"D{3:025d}"
    wrapped = made.store.newest_key(subject)
    assert wrapped is not None
    assert made.store.destroy_keys(subject) == 1
    assert made.store.newest_key(subject) is None
    assert made.store.get(record_id) is None
    assert made.store.get(f"D{4:025d}") is not None
    assert made.store.record_differences() == []
    assert made.verify().ok
    made.close()
    if not address:
        for file in tmp_path.iterdir():
            assert wrapped.wrapped not in file.read_bytes(), file.name


def test_a_destroyed_key_does_not_come_back_with_a_late_record(tmp_path: Path, address: str) -> None:
    """A record sealed before is refused; once the vault forgets the subject, a new key is made."""
    made = home(tmp_path, entries=30, address=address)
    late = answered(33, made.vault)
    made.store.destroy_keys(f"{3:032x}")
    with pytest.raises(Invalid, match="destroyed"):
        made.ledger.append([late])
    made.vault.forget(f"{3:032x}")
    made.ledger.append([answered(33, made.vault)])
    assert made.store.get(f"D{33:025d}") is not None
    made.close()


_CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ledger_parts import home, person
made = home(Path(sys.argv[1]), address=sys.argv[4])
first = int(sys.argv[3])
for number in range(first, first + 40):
    made.ledger.append([person(number)])
made.close()
"""


@pytest.mark.slow
def test_processes_share_one_ledger(tmp_path: Path, address: str) -> None:
    """Three processes append at once: no entry is lost, none overwritten, one chain."""
    home(tmp_path, address=address).close()
    tests = str(Path(__file__).parents[1])
    children = [
        subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path), tests, str(1000 * number), address])
        for number in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    made = home(tmp_path, address=address)
    report = made.verify()
    assert report.ok, report
    assert report.size == 120
    assert len({data for _, data in made.store.entries()}) == 120
    made.close()


def test_the_change_probe_sees_every_commit_of_anyone(tmp_path: Path, address: str) -> None:
    """Own commits and other processes' alike; it stands still otherwise."""
    made, other = home(tmp_path, address=address), home(tmp_path, address=address)
    seen = [made.store.data_version()]
    made.ledger.append([person(0)])
    seen.append(made.store.data_version())
    other.ledger.append([person(1)])
    seen.append(made.store.data_version())
    assert len(set(seen)) == 3
    assert made.store.data_version() == seen[-1]
    made.close()
    other.close()


def test_a_vault_finds_the_stored_key_of_a_subject(tmp_path: Path, address: str) -> None:
    """A fresh process seals under the key that is there, and brings no new one."""
    made = home(tmp_path, entries=5, address=address)
    fresh = AesVault(b"k" * 32, load=made.store.newest_key)
    record = fresh.seal(record_id="r", subject=f"{2:032x}", kind="decision", purpose="care", plaintext=b"x")
    stored = made.store.newest_key(f"{2:032x}")
    assert stored is not None
    assert (record.key, record.key_id) == (None, stored.key_id)
    assert fresh.open(record, stored) == b"x"
    made.close()
