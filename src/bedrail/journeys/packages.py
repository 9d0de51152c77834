"""A candidate's way from the store into memory: checked and signed bytes, and these very bytes are what is opened."""

from __future__ import annotations

from collections.abc import Mapping

from bedrail.core.errors import Corrupt, Refused
from bedrail.governance.views import Registry
from bedrail.journeys.context import Context
from bedrail.models.package import package_from
from bedrail.models.predict import LoadedModel, open_model


def package_statement(digest: str) -> bytes:
    """The bytes that are signed for a package: its format and digest, so that no signature serves two purposes."""
    return f"bedrail-package/1\n{digest}\n".encode()


def check_signature(ctx: Context, registry: Registry, candidate: str) -> None:
    """That this installation admitted the candidate; raises `Refused` if it never did, `Corrupt` for a false signature.

    The registry is handed in, since a loading thread folds one of its own.
    """
    known = next((v.candidates[candidate] for v in registry.use_cases.values() if candidate in v.candidates), None)
    if known is None:
        raise Refused("this package was never admitted.", remedy="bedrail candidates lists those that were.")
    if not ctx.verify(ctx.signer.public_key, package_statement(candidate), bytes.fromhex(known.signature)):
        raise Corrupt("the package signature is not by this installation's key.", remedy="Admit the package again.")


def open_files(ctx: Context, files: Mapping[str, bytes]) -> LoadedModel:
    """The model in the files of a package, ready to answer; a vendor's answers come over HTTP."""
    package, model = package_from(files)
    return open_model(package, model, ctx.remote(package.endpoint) if package.kind == "remote" else None)
