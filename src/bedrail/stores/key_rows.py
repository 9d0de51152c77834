"""The wrapped data keys at rest, as rotation and disposal need them: by plain statements that every SQL store reads."""

from __future__ import annotations

from collections.abc import Sequence

from bedrail.core.ports import WrappedKey
from bedrail.stores.views import Row

_KEY = "key_id, subject, kek, CAST(wrapped AS BLOB)"
RETIRED = "kek:"
"""Before the name of a wrapping key in the table of destroyed keys: nothing is taken under it any more."""


class SqlKeys:
    """`core.ports.DataKeys`, but for destroying, over a store that can fetch rows and write some in one commit."""

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        raise NotImplementedError

    def _write(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Run a statement for each row, in one durable commit; returns how many rows of the table it touched."""
        raise NotImplementedError

    def newest_key(self, subject: str) -> WrappedKey | None:
        """A stored data key of this subject (for `AesVault(load=...)`), or None."""
        return self._one(f"SELECT {_KEY} FROM subject_keys WHERE subject = ? ORDER BY key_id LIMIT 1", subject)

    def find_key(self, subject: str, key_id: str) -> WrappedKey | None:
        """That data key as it is now, or None."""
        return self._one(f"SELECT {_KEY} FROM subject_keys WHERE subject = ? AND key_id = ?", subject, key_id)

    def keep_key(self, key: WrappedKey) -> bool:
        """Store a data key durably by itself; False when it, or the key that wraps it, was destroyed meanwhile."""
        sql = (
            "INSERT INTO subject_keys (subject, key_id, kek, wrapped) "
            "SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ? "
            "WHERE NOT EXISTS (SELECT 1 FROM destroyed_keys WHERE key_id IN (?, ?)) ON CONFLICT DO NOTHING"
        )
        row = (key.subject, key.key_id, key.kek, key.wrapped, key.key_id, f"{RETIRED}{key.kek}")
        self._write(sql, [row])
        return self.find_key(key.subject, key.key_id) is not None

    def keys_outside(self, kek: str, after: tuple[str, str], limit: int) -> list[WrappedKey]:
        """Data keys wrapped under another key than `kek`, by (subject, key id), from behind `after`."""
        sql = (
            f"SELECT {_KEY} FROM subject_keys WHERE kek <> ? AND (subject, key_id) > (?, ?) "
            "ORDER BY subject, key_id LIMIT ?"
        )
        return [_key(row) for row in self._rows(sql, (kek, *after, limit))]

    def count_keys(self) -> dict[str, int]:
        """How many data keys each wrapping key holds."""
        return {kek: int(count) for kek, count in self._rows("SELECT kek, COUNT(*) FROM subject_keys GROUP BY kek")}

    def rewrap_keys(self, pairs: Sequence[tuple[WrappedKey, WrappedKey]]) -> int:
        """Replace (old, new) in one durable commit; one that changed or went meanwhile is left; returns how many."""
        sql = (
            "UPDATE subject_keys SET kek = ?, wrapped = ? WHERE subject = ? AND key_id = ? AND kek = ? AND wrapped = ?"
        )
        rows = [(new.kek, new.wrapped, old.subject, old.key_id, old.kek, old.wrapped) for old, new in pairs]
        return self._write(sql, rows)

    def retire_kek(self, kek: str) -> bool:
        """Take no more data keys under `kek`, for good; False, and nothing done, while some are left under it."""
        sql = (
            "INSERT INTO destroyed_keys (key_id) SELECT CAST(? AS TEXT) "
            "WHERE NOT EXISTS (SELECT 1 FROM subject_keys WHERE kek = ?) ON CONFLICT DO NOTHING"
        )
        self._write(sql, [(f"{RETIRED}{kek}", kek)])
        return bool(self._rows("SELECT 1 FROM destroyed_keys WHERE key_id = ?", (f"{RETIRED}{kek}",)))

    def key_ids(self, subject: str) -> list[str]:
        """The ids of a subject's or dataset's stored data keys."""
        found = self._rows("SELECT key_id FROM subject_keys WHERE subject = ? ORDER BY key_id", (subject,))
        return [key_id for (key_id,) in found]

    def holdings(self, subject: str, key_ids: Sequence[str]) -> dict[str, int]:
        """How many sealed records of each kind a subject has under these data keys, there or destroyed."""
        if not key_ids:
            return {}
        marks = ", ".join("?" * len(key_ids))
        sql = (
            f"SELECT kind, COUNT(*) FROM records WHERE subject = ? AND key_id IN ({marks}) GROUP BY kind ORDER BY kind"
        )
        return {kind: int(count) for kind, count in self._rows(sql, (subject, *key_ids))}

    def _one(self, sql: str, *values: str) -> WrappedKey | None:
        found = self._rows(sql, values)
        return _key(found[0]) if found else None


def _key(row: Row) -> WrappedKey:
    return WrappedKey(key_id=row[0], subject=row[1], kek=row[2], wrapped=row[3])
