"""Models made elsewhere become candidates: files of other libraries, and a vendor's endpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bedrail.core.errors import Invalid
from bedrail.core.registries import Registered
from bedrail.journeys.admission import Progress, admit_candidate, quiet
from bedrail.journeys.context import Context
from bedrail.journeys.dataset_reads import read_part
from bedrail.models.contract import Encoder
from bedrail.models.mlflow_files import Format
from bedrail.models.predict import RemoteScorer
from bedrail.models.values import Kind, Lineage

READERS: dict[str, Format] = {".txt": "lightgbm", ".json": "xgboost", ".ubj": "xgboost", ".onnx": "onnx"}


def import_file(
    ctx: Context,
    person: str,
    use_case: str,
    file: Path,
    *,
    name: str,
    logits: bool = False,
    progress: Progress = quiet,
) -> str:
    """Admit a LightGBM text, XGBoost JSON/UBJ, ONNX or own JSON file, calibrated on our own calibration part.

    Files that can run code when loaded are refused with the reason. Returns the candidate's digest.
    """
    from bedrail.models.importers import is_own
    from bedrail.models.package import MOST_BYTES, refuse_code

    ctx.require(person, "candidate.import")
    if not file.is_file():
        raise Invalid("there is no such file.", path=str(file), remedy="Check the path.")
    if file.stat().st_size > MOST_BYTES:
        said = f"the file is larger than a model may be ({MOST_BYTES // 1024**2} MiB)."
        raise Invalid(said, path=str(file), remedy="Give the model's own file, without data.")
    data = file.read_bytes()
    refuse_code(file.name, data)
    if file.suffix not in READERS:
        raise Invalid(f"cannot import `{file.suffix}`.", path=str(file), remedy=f"Give one of: {', '.join(READERS)}.")
    read_as: Format = "own" if is_own(data) else READERS[file.suffix]
    kind, model = read_model(ctx, use_case, read_as, data, file.name, logits=logits)
    source = hashlib.sha256(data).hexdigest()
    return admit_imported(ctx, person, use_case, name, kind, model, f"import of {file.name}", progress, source=source)


def read_model(
    ctx: Context, use_case: str, read_as: Format, data: bytes, named: str, *, logits: bool = False
) -> tuple[Kind, bytes]:
    """Kind and bytes of a model from the bytes of its file, compared with its original; raises `Invalid`."""
    from bedrail.models import importers

    contract = ctx.charter(use_case).contract()
    readers: dict[Format, Callable[[bytes], tuple[Kind, bytes]]] = {
        "own": lambda raw: importers.import_own(raw, contract),
        "lightgbm": lambda raw: importers.import_lightgbm(_text(raw, named)),
        "xgboost": importers.import_xgboost,
        "onnx": lambda raw: importers.import_onnx(raw, output="logits" if logits else "probabilities"),
    }
    if logits and read_as != "onnx":
        raise Invalid("only an ONNX model may answer with log-odds.", path="--logits", remedy="Leave it out.")
    try:
        return readers[read_as](data)
    except Invalid as error:
        error.remedy = error.remedy or f"Save {named} again with the library that made it."
        raise


def _text(raw: bytes, named: str) -> str:
    try:
        text = raw.decode()
        return text if "\n" in text else f"{text}\n"  # the importer takes a single line for a path, and reads that file
    except UnicodeDecodeError:
        remedy = "Save it with Booster.model_to_string()."
        raise Invalid("this is no text in UTF-8.", path=named, remedy=remedy) from None


def import_vendor(
    ctx: Context, person: str, use_case: str, endpoint: str, *, name: str, progress: Progress = quiet
) -> str:
    """Admit a vendor's model by its endpoint: its answers on our calibration part are all we know of it.

    Sentinel questions with their present answers are put on record, so that a silent change is noticed.
    """
    from bedrail.journeys.oversight import record_sentinels

    actor = ctx.require(person, "candidate.import")
    digest = admit_imported(
        ctx, person, use_case, name, "remote", b"", f"vendor endpoint {endpoint}", progress, endpoint=endpoint
    )
    progress("asking the sentinel questions")
    record_sentinels(ctx, actor, use_case, digest)
    return digest


def admit_imported(
    ctx: Context,
    person: str,
    use_case: str,
    name: str,
    kind: Kind,
    model: bytes,
    origin: str,
    progress: Progress,
    *,
    endpoint: str = "",
    source: str = "",
    registry: Registered | None = None,
) -> str:
    """Calibrate, bound and admit a model made elsewhere; `source` is the SHA-256 of the file that it came as."""
    from bedrail.models.wrap import wrap

    view, charter = ctx.use_case(use_case), ctx.charter(use_case)
    progress("calibrating on this hospital's own patients")
    actor, why = ctx.require(person, "candidate.import"), f"calibrating {name}"[:100]
    calibration = read_part(ctx, use_case, "calibration", reader=actor, reason=why)
    train = read_part(ctx, use_case, "train", reader=actor, reason=why)
    assert view.dataset is not None
    contract = charter.contract()
    encoder = contract.encoder()
    X_cal = encoder.table(calibration)
    scores = ask(ctx.remote(endpoint), encoder, X_cal) if endpoint else None
    package = wrap(
        kind,
        model,
        contract,
        X_cal,
        calibration[charter.data.outcome].to_numpy(dtype=float),
        encoder.table(train),
        name=name,
        lineage=Lineage(
            origin="vendor" if endpoint else "imported",
            dataset=view.dataset.dataset,
            split=view.dataset.split,
            source=source,
            registry=registry,
            note=origin,
        ),
        endpoint=endpoint,
        scores_cal=scores,
    )
    return admit_candidate(ctx, person, use_case, package, model, origin=origin)


def ask(scorer: RemoteScorer, encoder: Encoder, X: np.ndarray) -> np.ndarray:
    """A vendor's answers (n,) for encoded rows (n, k), asked one by one as at the bedside."""
    return np.array([scorer(encoder.values(x)) for x in X], dtype=np.float64)
