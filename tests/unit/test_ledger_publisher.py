"""What leaves the house bears two signatures; homes without a second key go on with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bedrail.core.errors import Corrupt
from bedrail.keys import KeyFolder
from bedrail.keys.signing import VERIFIERS, MlDsa44Signer, verify_ed25519
from bedrail.ledger import Ledger, open_checkpoint
from bedrail.ledger.checkpoint import open_note
from bedrail.ledger.cosignature import cosigned_at
from bedrail.ledger.publisher import PublishedAnchor, Publisher
from bedrail.stores import FileAnchor
from ledger_parts import ORIGIN, home, person, signer

SECOND = MlDsa44Signer.from_seed(ORIGIN, b"2" * 32)
NOW = 1_790_000_000


def _publisher(second: MlDsa44Signer | None = SECOND) -> Publisher:
    return Publisher(signer(), lambda: second, lambda: NOW)


def test_a_published_checkpoint_bears_both_signatures(tmp_path: Path) -> None:
    """The first line stays as it was; the second verifies with the time of publishing; asking again changes nothing."""
    made, publisher = home(tmp_path, entries=5), _publisher()
    head = made.store.head().checkpoint
    note = publisher.published(head)
    key = publisher.second_key
    assert key is not None
    assert note.startswith(head)
    assert open_checkpoint(note, ORIGIN, signer().public_key, verify_ed25519).size == 5
    assert cosigned_at(note, key, VERIFIERS) == NOW
    assert publisher.published(head) == note
    assert publisher.published(note) == note
    assert publisher.published(b"") == b""
    made.close()


def test_without_a_second_key_a_checkpoint_is_published_as_it_is(tmp_path: Path) -> None:
    """As in homes that were made earlier."""
    made, publisher = home(tmp_path, entries=5), _publisher(None)
    assert publisher.published(made.store.head().checkpoint) == made.store.head().checkpoint
    assert publisher.second_key is None
    assert publisher.vkeys() == ()
    made.close()


def test_a_ledger_opens_behind_an_anchor_with_two_signatures(tmp_path: Path) -> None:
    """And still refuses one that is not the head's, though its size is the same."""
    made = home(tmp_path)
    anchor = PublishedAnchor(FileAnchor(tmp_path / "published"), _publisher())
    ledger = Ledger(made.store, signer(), ORIGIN, anchor, anchor_seconds=0)
    ledger.append([person()])
    ledger.close()
    note = anchor.read()
    assert note is not None
    assert len(note.split(b"\n\n")[1].splitlines()) == 2
    Ledger(made.store, signer(), ORIGIN, anchor).close()
    other = home(tmp_path / "other") if (tmp_path / "other").mkdir() is None else made
    other.ledger.append([person(7)])
    FileAnchor(tmp_path / "published").write(_publisher().published(other.store.head().checkpoint))
    with pytest.raises(Corrupt, match="anchored"):
        Ledger(made.store, signer(), ORIGIN, anchor)
    made.close()
    other.close()


def test_a_statement_is_a_note_of_the_first_key() -> None:
    """Whose first line no checkpoint could have."""
    note = _publisher().statement("a statement\nof two lines\n")
    assert open_note(note, ORIGIN, signer().public_key, verify_ed25519) == "a statement\nof two lines\n"


def test_a_new_key_folder_holds_a_second_key_and_an_old_one_gets_it_when_told(tmp_path: Path) -> None:
    """The same key after opening again, named as the ledger; made once, and readable by its owner alone."""
    made = KeyFolder(tmp_path / "keys").create(ORIGIN)
    second = made.second_signer()
    assert second is not None
    assert second.name == ORIGIN
    path = tmp_path / "keys" / "ledger-mldsa.key"
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()
    old = KeyFolder(tmp_path / "keys").open()
    assert old.second_signer() is None
    added = KeyFolder(tmp_path / "keys").open().add_second_signer()
    found = old.second_signer()  # a running server takes it up
    assert found is not None
    assert found.public_key == added.public_key == old.add_second_signer().public_key != second.public_key
    assert path.stat().st_mode & 0o077 == 0
    assert sorted(each.name for each in (tmp_path / "keys").iterdir()) == [
        "evidence.key", "kek.key", "ledger-mldsa.key", "ledger.key", "origin", "pseudonym.key"
    ]  # fmt: skip


def test_a_second_key_that_is_no_such_key_is_refused(tmp_path: Path) -> None:
    """Neither another algorithm nor rubbish."""
    KeyFolder(tmp_path / "keys").create(ORIGIN)
    path = tmp_path / "keys" / "ledger-mldsa.key"
    for content in ((tmp_path / "keys" / "ledger.key").read_bytes(), b"rubbish"):
        path.write_bytes(content)
        with pytest.raises(Corrupt):
            KeyFolder(tmp_path / "keys").open().second_signer()
