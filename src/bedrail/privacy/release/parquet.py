"""Parquet in, Parquet (or CSV) out: the whole table in memory, written whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

from bedrail.core.errors import Invalid
from bedrail.core.ports import KeyedDigest
from bedrail.data.read import read_table
from bedrail.privacy.partial import Outcome, Partial, file_digest
from bedrail.privacy.release.release import Released, deidentify_frame
from bedrail.privacy.release.values import Policy
from bedrail.privacy.streaming import Run
from bedrail.privacy.text.values import Mode
from bedrail.privacy.values import Handled, Manifest

SUFFIXES = (".parquet", ".pq")


def deidentify_parquet(
    source: Path,
    out: Path | None,
    policy: Policy | None,
    digest: KeyedDigest,
    *,
    newest: int,
    language: str = "en",
    mode: Mode | None = "full",
    project: str = "",
) -> Released:
    """As `deidentify_csv` for a Parquet file (of at most `data.read.MOST_BYTES`), in memory; to .parquet or .csv.

    Raises `Invalid`, `Refused`, `Unavailable`.
    """
    if out is not None and not out.name.lower().endswith((*SUFFIXES, ".csv")):
        raise Invalid("the output has another kind.", path=str(out), remedy="Name a .parquet or .csv file.")
    frame, proof, solution = deidentify_frame(
        read_table(source), policy, digest, newest=newest, language=language, mode=mode
    )
    frame = frame.reset_index(drop=True)
    buffer = io.BytesIO()
    if out is not None and out.name.lower().endswith(".csv"):
        frame.to_csv(buffer, index=False, lineterminator="\n")
    else:
        frame.to_parquet(buffer, index=False)
    with Partial(out, "file", "parquet", resume=False) as partial:
        list(partial.remaining((), lambda *_: None))
        partial.take("", Outcome(data=buffer.getvalue(), records=len(frame)))
        outputs = partial.finish()
    handled = tuple(
        Handled(place=each.column, action=each.action, rule=each.rule, count=each.changed) for each in proof.columns
    )
    manifest = Manifest(
        medium="table", profile=proof.profile, project=project, inputs=(file_digest(source),), outputs=outputs,
        records=proof.rows_in, failed=0, handled=handled, codes_counted=True,
    )  # fmt: skip
    return Released(run=Run(manifest=manifest), proof=proof, solution=solution)
