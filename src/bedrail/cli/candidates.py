"""train, import-model, candidates: models enter the registry."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bedrail.cli.doors import CliState, json_option, pass_state, progress_lines, show_json, show_table
from bedrail.cli.key_options import second_key_option


@click.command()
@click.argument("use_case")
@click.option(
    "--recipe",
    default="boosting",
    show_default=True,
    help="logistic, boosting or ebm with their defaults, or the path of a recipe.toml.",
)
@click.option("--name", default="", help="Name of the candidate; the recipe's when not given.")
@json_option
@pass_state
def train(state: CliState, use_case: str, recipe: str, name: str, as_json: bool) -> None:
    """Train a candidate by recipe on the admitted data; calibrated, with uncertainty, packaged and signed.

    The same recipe on new data is a new candidate: it goes through the same gate, and nothing is adopted by itself.

    \b
    Example: bedrail train readmission-30d --recipe logistic --name baseline
             bedrail train readmission-30d --recipe recipe.toml --name renewed
    """
    from bedrail.journeys.training import train_candidate

    context = state.context()
    digest = train_candidate(context, state.actor(), use_case, recipe, name=name, progress=progress_lines())
    called = context.use_case(use_case).candidates[digest].name
    if as_json:
        show_json({"candidate": digest, "name": called})
    else:
        click.echo(f"Candidate {called}: {digest}")


@click.command("import-model")
@click.argument("use_case")
@click.option("--file", type=click.Path(path_type=Path), help="LightGBM text, XGBoost JSON, ONNX, or our own JSON.")
@click.option("--logits", is_flag=True, help="The ONNX model answers with log-odds, not probabilities.")
@click.option("--endpoint", default="", help="A vendor's HTTP endpoint, known only by its answers.")
@click.option("--uri", default="", help="A model in an MLflow registry: models:/NAME/VERSION, models:/NAME@ALIAS ...")
@click.option("--registry", default="", help="The MLflow server's address; BEDRAIL_MLFLOW when not given.")
@click.option("--name", required=True, help="Name of the candidate.")
@json_option
@pass_state
def import_model(
    state: CliState,
    use_case: str,
    file: Path | None,
    logits: bool,
    endpoint: str,
    uri: str,
    registry: str,
    name: str,
    as_json: bool,
) -> None:
    """Admit a model made elsewhere; calibrated and given uncertainty on this hospital's own patients.

    \b
    Example: bedrail import-model readmission-30d --file model.txt --name booster
             bedrail import-model readmission-30d --uri models:/risk/3 --registry https://mlflow.example --name r3
    """
    from bedrail.app import environment_default
    from bedrail.core.errors import Invalid
    from bedrail.journeys.imports import import_file, import_vendor
    from bedrail.journeys.registry_sources import import_registered

    context, actor, progress = state.context(), state.actor(), progress_lines()
    if [bool(endpoint), file is not None, bool(uri)].count(True) != 1:
        remedy = "See bedrail import-model --help."
        raise Invalid("name one of --file, --endpoint and --uri.", path="--file", remedy=remedy)
    if file is not None:
        digest = import_file(context, actor, use_case, file, name=name, logits=logits, progress=progress)
    elif uri:
        address = registry or environment_default("BEDRAIL_MLFLOW")
        digest = import_registered(context, actor, use_case, uri, address, name=name, logits=logits, progress=progress)
    else:
        digest = import_vendor(context, actor, use_case, endpoint, name=name, progress=progress)
    if as_json:
        show_json({"candidate": digest, "name": name})
    else:
        click.echo(f"Candidate {name}: {digest}")


class _ListsByDefault(click.Group):
    """`candidates USE_CASE` is short for `candidates list USE_CASE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The named command, or `list` of what was named."""
        if args and args[0] not in self.commands:
            args = ["list", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_ListsByDefault)
def candidates() -> None:
    """The candidates of a use case: list them, hand one over with its papers, check what was handed over.

    \b
    Example: bedrail candidates list readmission-30d
    """


@candidates.command("list")
@click.argument("use_case", required=False, default="")
@json_option
@pass_state
def list_candidates(state: CliState, use_case: str, as_json: bool) -> None:
    """The registry: every version of a use case (of all, without one), its kind, stage, origin, evidence, digest.

    \b
    Example: bedrail candidates list readmission-30d --json
    """
    import msgspec

    from bedrail.journeys.registering import versions

    found = versions(state.context(), use_case)
    if as_json:
        show_json([msgspec.structs.asdict(each) for each in found])
        return
    columns = ("name", "kind", "stage", "origin", "author", "evidence", "candidate")
    rows = [(v.name, v.kind, v.stage, v.origin, v.author, _counted(v.evidence), v.candidate) for v in found]
    cases = [(v.use_case, v.version) for v in found]
    show_table("", ("use case", "version", *columns), [(*case, *row) for case, row in zip(cases, rows, strict=True)])


def _counted(evidence: dict[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(evidence.items())) or "none"


_candidate = click.option("--candidate", default="", help="Name or digest; the one admitted last when not given.")
_bare = click.argument("named", metavar="[CANDIDATE]", required=False, default="")


def _meant(named: str, candidate: str) -> str:
    """The candidate, given bare as to `reproduce`, or by the option; raises `UsageError` for two that differ."""
    if named and candidate and named != candidate:
        raise click.UsageError("Name the candidate once.")
    return named or candidate


@candidates.command("show")
@click.argument("use_case")
@_bare
@_candidate
@json_option
@pass_state
def show(state: CliState, use_case: str, named: str, candidate: str, as_json: bool) -> None:
    """One version, its bytes checked: what its package says, where it comes from, and every answer about it.

    \b
    Example: bedrail candidates show readmission-30d baseline
    """
    import msgspec

    from bedrail.journeys.registering import entry

    found = entry(state.context(), use_case, _meant(named, candidate))
    if as_json:
        show_json(msgspec.to_builtins(found))
        return
    about, lineage = found.version, found.lineage
    made = {
        "recipe": f"{lineage.recipe} {lineage.recipe_sha256[:12]}".strip(),
        "seed": lineage.seed if lineage.recipe else "",
        "registry": f"{lineage.registry.uri} at {lineage.registry.address}" if lineage.registry else "",
        "source": lineage.source,
        "code": lineage.code,
        "libraries": ", ".join(f"{name} {version}" for name, version in lineage.libraries.items()),
        "machine": lineage.machine,
    }
    rows: list[tuple[str, object]] = [
        ("candidate", about.candidate),
        ("version", f"{about.version} of {about.use_case}, {about.kind}, admitted {about.at} by {about.author}"),
        ("stage", about.stage),
        ("refused", about.refused),
        ("origin", about.origin),
        ("dataset", about.dataset),
        *made.items(),
        ("features", ", ".join(found.features)),
        ("model", f"{found.model_file} {found.model_sha256}".strip()),
        ("calibration", f"{found.calibration}, intervals at {found.confidence:g}"),
        ("distance", found.distance),
    ]
    show_table(about.name, ("what", "value"), [row for row in rows if row[1] not in ("", None)])
    show_table("Evidence", ("check", "verdict", "reason"), [(a.check, a.verdict, a.reason) for a in found.answers])


@candidates.command("source")
@click.argument("use_case")
@_bare
@_candidate
@json_option
@pass_state
def source(state: CliState, use_case: str, named: str, candidate: str, as_json: bool) -> None:
    """Ask the registry that a candidate came from whether name and bytes are still those that were brought in.

    The answer is signed evidence `registry-source`. Exit code 0: they are; 1: alias moved, bytes changed, gone, or the
    registry does not answer. Changed bytes stop what serves; a moved alias changes nothing here but is on record.

    \b
    Example: bedrail candidates source readmission-30d r3
    """
    import msgspec

    from bedrail.core.values import Verdict
    from bedrail.journeys.registry_sources import check_source

    found = check_source(state.context(), state.actor(), use_case, _meant(named, candidate))
    if as_json:
        show_json(msgspec.to_builtins(found))
    else:
        click.echo(f"{found.verdict.value.upper()}: {found.reason}")
    if found.verdict is not Verdict.PASS:
        sys.exit(1)


@candidates.command("recipe")
@click.argument("use_case")
@_bare
@_candidate
@pass_state
def recipe_command(state: CliState, use_case: str, named: str, candidate: str) -> None:
    """Print the recipe that a candidate was trained by, with the versions it ran with, to train it on new data.

    \b
    Example: bedrail candidates recipe readmission-30d boosted > recipe.toml
    """
    from bedrail.journeys.training import recipe_of

    click.echo(recipe_of(state.context(), use_case, _meant(named, candidate)), nl=False)


@candidates.command("export")
@click.argument("use_case")
@click.argument("folder", type=click.Path(path_type=Path))
@_candidate
@json_option
@pass_state
def export(state: CliState, use_case: str, folder: Path, candidate: str, as_json: bool) -> None:
    """Hand a candidate over: package, manifest, OpenSSF signature, lineage, bill of materials.

    \b
    Example: bedrail --as rob candidates export readmission-30d ./handed --candidate baseline
    """
    from bedrail.journeys.handing_over import export_candidate

    app = state.app()
    signing, second = app.package_signing(), app.keys.second_signer()
    chosen = export_candidate(app.context, state.actor(), use_case, candidate, folder, signing, second)
    key = app.context.signer.public_key.hex()
    if as_json:
        show_json({"candidate": chosen.candidate, "folder": str(folder), "key": key})
    else:
        click.echo(f"Candidate {chosen.name} ({chosen.candidate[:12]}) stands in {folder}.")
        click.echo(f"Whoever receives it runs: bedrail candidates verify {folder} --key {key}")


@candidates.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--key", default="", help="The sender's evidence key (hex), told on another way.")
@click.option("--model-key", type=click.Path(path_type=Path), help="The OpenSSF public key (PEM), got on another way.")
@click.option("--second-key", type=click.Path(path_type=Path), help="A file with the sender's ML-DSA-44 verifier key.")
@click.option("--signature", type=click.Path(path_type=Path), help="Check a bare folder against this model.sig alone.")
@json_option
def verify(
    folder: Path, key: str, model_key: Path | None, second_key: Path | None, signature: Path | None, as_json: bool
) -> None:
    """Check a folder that was handed over, without any home; or any folder signed by the OpenSSF tool with a key.

    Without --key and --model-key the enclosed keys are believed: that shows the folder whole, not whose it is.

    \b
    Example: bedrail candidates verify ./handed
             bedrail candidates verify ./model --signature model.sig --model-key sender.pem
    """
    from bedrail.app import verify_package, verify_signed_folder
    from bedrail.core.errors import Invalid

    pem = _file(model_key) if model_key else None
    if signature is not None:
        if pem is None:
            raise Invalid("a bare signature needs a key.", path="--model-key", remedy="Ask the sender for it.")
        files = verify_signed_folder(folder, signature, pem)
        told: dict[str, object] = {"files": files, "pinned": True}
    else:
        second = second_key_option(second_key) if second_key else None
        handed = verify_package(folder, _key(key), pem, second)
        files = list(handed.files)
        told = {
            "candidate": handed.candidate,
            "origin": handed.origin,
            "files": files,
            "statements": handed.statements,
            "pinned": handed.pinned,
            "post_quantum": handed.post_quantum,
            "pages": list(handed.pages),
        }
    if as_json:
        show_json(told)
        return
    about = f"candidate {told['candidate']} of {told['origin']}, " if "candidate" in told else ""
    click.echo(f"Whole and signed: {about}{len(files)} files.")
    if not told["pinned"]:
        click.echo("The enclosed keys were believed; pin them with --key and --model-key to know whose it is.")


@candidates.command("lineage")
@click.argument("use_case")
@_candidate
@click.option("--out", "folder", type=click.Path(path_type=Path), required=True, help="A new or empty folder.")
@json_option
@pass_state
def lineage(state: CliState, use_case: str, candidate: str, folder: Path, as_json: bool) -> None:
    """Write signed in-toto statements: dataset, training, evidence, approvals, deployments.

    \b
    Example: bedrail candidates lineage readmission-30d --candidate baseline --out ./lineage
    """
    from bedrail.core.errors import Refused
    from bedrail.journeys.delivery import find_candidate
    from bedrail.journeys.lineage import write_lineage

    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty.", remedy="Name an empty or new folder.")
    context = state.context()
    context.require(state.actor(), "registry.read")
    names = write_lineage(context, use_case, find_candidate(context.use_case(use_case), candidate), folder)
    if as_json:
        show_json({"folder": str(folder), "statements": names})
    else:
        click.echo(f"{len(names)} statements in {folder}, signed by {context.signer.public_key.hex()}.")


@candidates.command("bom")
@click.argument("use_case")
@_candidate
@pass_state
def bom(state: CliState, use_case: str, candidate: str) -> None:
    """Print the machine-learning bill of materials: CycloneDX 1.6 with model card and data.

    \b
    Example: bedrail candidates bom readmission-30d --candidate baseline > bom.cdx.json
    """
    from bedrail.journeys.delivery import find_candidate
    from bedrail.journeys.handing_over import as_json, candidate_bom

    context = state.context()
    context.require(state.actor(), "registry.read")
    chosen = find_candidate(context.use_case(use_case), candidate)
    click.echo(as_json(candidate_bom(context, use_case, chosen)).decode(), nl=False)


def _file(path: Path) -> bytes:
    from bedrail.core.errors import Invalid

    try:
        return path.read_bytes()
    except OSError:
        raise Invalid("this file cannot be read.", path=str(path), remedy="Check the path.") from None


def _key(text: str) -> bytes | None:
    from bedrail.core.errors import Invalid

    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b"?"
    if len(key) not in (0, 32):
        raise Invalid("this is no Ed25519 public key.", path="--key", remedy="Give 64 hexadecimal digits.")
    return key or None
