"""A training recipe as a file: kind, settings, features, seed, and the environment that it was made for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from bedrail.core.errors import Invalid, Refused
from bedrail.core.toml_lines import read_toml
from bedrail.core.values import Value
from bedrail.models.calibrate import Method
from bedrail.models.contract import Contract
from bedrail.models.environment import versions_of
from bedrail.models.ood import QUANTILE
from bedrail.models.recipes import RECIPES
from bedrail.models.values import Package, Setting

FILE = "recipe.toml"
SECTIONS = ("recipe", "settings", "calibration", "environment")
Share = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]

_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


class How(Value, frozen=True, kw_only=True):
    """What is trained. `features` are chosen from the use case's, in its order; all, when none is named."""

    kind: Literal["logistic", "boosting", "ebm"]
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    features: tuple[str, ...] = ()


class Bounding(Value, frozen=True, kw_only=True):
    """How it is calibrated and bounded afterwards, on the calibration patients."""

    method: Method = "venn-abers"
    confidence: Share = 0.95
    ood_quantile: Share = QUANTILE


class Environment(Value, frozen=True, kw_only=True):
    """What must be installed: exact versions, and a lock file by its SHA-256, whose pins hold for what is trained with.

    Empty for whatever there is. `lock` is relative to the recipe's own folder.
    """

    python: str = ""
    libraries: dict[str, str] = msgspec.field(default_factory=dict)
    lock: str = ""
    lock_sha256: str = ""


class RecipeFile(Value, frozen=True, kw_only=True):
    """A whole `recipe.toml`."""

    recipe: How
    settings: dict[str, Setting] = msgspec.field(default_factory=dict)
    calibration: Bounding = Bounding()
    environment: Environment = Environment()

    @property
    def digest(self) -> str:
        """SHA-256 of what is trained and how, the defaults written out; the environment is not part of it."""
        whole = [self.recipe, {**RECIPES[self.recipe.kind].settings, **self.settings}, self.calibration]
        return hashlib.sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()

    def contract(self, whole: Contract) -> Contract:
        """The use case's contract with the chosen features alone; raises `Invalid` for one that it does not have."""
        if not self.recipe.features:
            return whole
        chosen = {whole.feature(name).name for name in self.recipe.features}
        return Contract(features=tuple(feature for feature in whole.features if feature.name in chosen))


def parse_recipe(source: bytes | str, *, name: str = FILE) -> RecipeFile:
    """The recipe that `source` (TOML) states; raises nothing but `Invalid`, which names line, key and remedy."""
    toml = read_toml(source, name)
    toml.known_keys((), SECTIONS)
    how = toml.convert(("recipe",), toml.table(("recipe",)), How)
    settings = toml.convert(("settings",), toml.table(("settings",), required=False), dict[str, Setting])
    known = RECIPES[how.kind].settings
    for key, value in settings.items():
        if key not in known:
            remedy = f"It has: {', '.join(known)}."
            raise toml.invalid(("settings", key), f"The recipe `{how.kind}` has no setting `{key}`.", remedy)
        if isinstance(value, bool | str) != isinstance(known[key], bool | str):
            raise toml.invalid(("settings", key), "This is of another type.", f"Its default is {known[key]!r}.")
    return RecipeFile(
        recipe=how,
        settings=settings,
        calibration=toml.convert(("calibration",), toml.table(("calibration",), required=False), Bounding),
        environment=toml.convert(("environment",), toml.table(("environment",), required=False), Environment),
    )


def read_recipe(given: str) -> tuple[RecipeFile, Path | None]:
    """A recipe by the path of its file, or by the name of a kind with its defaults; and the folder of the file."""
    if given in RECIPES:
        return RecipeFile(recipe=msgspec.convert({"kind": given}, How)), None
    path = Path(given)
    if path.suffix != ".toml":
        remedy = f"Use one of: {', '.join(RECIPES)}; or the path of a recipe.toml."
        raise Invalid(f"there is no recipe `{given}`.", path="recipe", remedy=remedy)
    try:
        return parse_recipe(path.read_bytes(), name=path.name), path.parent
    except OSError as error:
        raise Invalid("the recipe cannot be read.", path=str(path), remedy="Check the path.") from error


def require_environment(recipe: RecipeFile, folder: Path | None) -> None:
    """Raise `Refused`, with each difference, unless what is installed is what the recipe pins."""
    wanted = recipe.environment
    pins = dict(wanted.libraries)
    if wanted.lock:
        pins = {**_locked(wanted, folder), **pins}
    there = versions_of((*RECIPES[recipe.recipe.kind].libraries, "numpy", *wanted.libraries))
    if wanted.python:
        pins["python"] = wanted.python
    differing = tuple(
        f"{name} is {there.get(name, 'not installed')}, the recipe pins {pin}"
        for name, pin in sorted(pins.items())
        if (name in there or name in wanted.libraries) and not _same(name, there.get(name, ""), pin)
    )
    if differing:
        remedy = "Install what the recipe pins (pip install --require-hashes -r LOCK), or pin what is installed."
        raise Refused("what is installed is not what the recipe pins.", remedy=remedy, reasons=differing)


def recipe_text(package: Package) -> str:
    """The recipe that a trained package was made by, as the text of a file; raises `Invalid` for another origin."""
    lineage = package.lineage
    if lineage.origin != "trained" or lineage.recipe not in RECIPES:
        remedy = "Only what was trained here has a recipe."
        raise Invalid(f"`{package.name}` was not trained by a recipe.", path="candidate", remedy=remedy)
    known = RECIPES[lineage.recipe]
    settings = {name: value for name, value in lineage.parameters.items() if name in known.settings}
    libraries = {name: found for name, found in lineage.libraries.items() if name != "python"}
    lines = [
        f"# {known.title}: as {package.name} was trained.",
        "[recipe]",
        f"kind = {_toml(lineage.recipe)}",
        f"seed = {lineage.seed or 0}",
        f"features = {_toml(package.contract.names)}",
        "",
        "[settings]",
        *(f"{name} = {_toml(value)}" for name, value in settings.items()),
        "",
        "[calibration]",
        f"method = {_toml(package.calibration.method)}",
        f"confidence = {package.uncertainty.confidence!r}",
        f"ood_quantile = {package.ood.quantile if package.ood else QUANTILE!r}",
        "",
        "[environment]",
        f"python = {_toml(lineage.libraries.get('python', ''))}",
        "",
        "[environment.libraries]",
        *(f"{_toml(name)} = {_toml(found)}" for name, found in libraries.items()),
    ]
    return "\n".join(lines) + "\n"


def _locked(wanted: Environment, folder: Path | None) -> dict[str, str]:
    path = (folder or Path()) / wanted.lock
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Invalid("the lock cannot be read.", path=str(path), remedy="Put it beside the recipe.") from error
    found = hashlib.sha256(data).hexdigest()
    if wanted.lock_sha256 and found != wanted.lock_sha256:
        raise Refused(
            f"the lock is not the one that the recipe was written for (SHA-256 {found[:12]}).",
            remedy="Fetch that lock again, or renew `lock_sha256` in the recipe.",
        )
    pins = _PINNED.findall(data.decode("utf-8", "replace"))
    return {re.sub(r"[-_.]+", "-", name).lower(): pin for name, pin in pins}


def _same(name: str, there: str, pin: str) -> bool:
    """Python may be pinned by its first numbers: 3.11."""
    return there == pin or (name == "python" and there.startswith(f"{pin}."))


def _toml(value: Setting | Sequence[str]) -> str:
    """A value as TOML writes it; JSON's strings, numbers and lists are TOML's."""
    return msgspec.json.encode(value).decode()
