"""Policies for tables as TOML: read with errors that point at the line, and written as a draft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bedrail.core.errors import Invalid, NotFound
from bedrail.core.toml_lines import Located, read_toml
from bedrail.privacy.release.values import Column, Policy, Targets

SAFE_HARBOR = "safe-harbor"
TOP = ("name", "undeclared", "safe_harbor", "strict_zip", "oldest", "targets", "columns")

NEEDS: dict[str, tuple[str, ...]] = {"intervals": ("widths",), "tree": ("groups",), "file": ("file",)}
FITS: dict[str, tuple[str, ...]] = {
    "pseudonym": ("subject", "direct", "quasi", "insensitive", "sensitive"),
    "year": ("date", "quasi", "sensitive", "insensitive"),
    "shift": ("date", "sensitive", "insensitive"),
    "zip3": ("zip", "quasi"),
    "top-code": ("age", "quasi", "sensitive", "insensitive"),
    "mask": ("text", "sensitive", "insensitive"),
    "generalise": ("quasi", "date", "zip", "age"),
}
"""Roles that a method makes sense for; drop, keep and hash for all but the direct identifiers' keep."""


def read_policy(path: Path) -> Policy:
    """The policy in a TOML file; raises `Invalid` whose path names file, line and key, with the remedy.

    Files of hierarchies are relative to the policy's folder.
    """
    if not path.is_file():
        remedy = f"Give a TOML file, or the shipped policy {SAFE_HARBOR}."
        raise NotFound("there is no such policy.", path=str(path), remedy=remedy)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("not UTF-8 text.", path=str(path), remedy="Save the policy as UTF-8.") from None
    return parse_policy(text, name=path.name, folder=path.parent)


def parse_policy(text: str, *, name: str = "policy.toml", folder: Path | None = None) -> Policy:
    """As `read_policy`, from text."""
    file = read_toml(text, name)
    file.known_keys((), TOP)
    columns = file.table(("columns",), required=False)
    read: dict[str, Column] = {}
    for column, raw in columns.items():
        read[column] = _column(file, column, raw, folder)
    targets = file.table(("targets",), required=False)
    plain = {key: value for key, value in file.data.items() if key not in ("targets", "columns")}
    policy: Policy = file.convert((), plain, Policy)
    policy = msgspec.structs.replace(
        policy,
        name=policy.name or name,
        columns=read,
        targets=file.convert(("targets",), targets, Targets) if "targets" in file.data else None,
    )
    _whole(file, policy)
    return policy


def _column(file: Located, name: str, raw: Any, folder: Path | None) -> Column:
    path = ("columns", name)
    if not isinstance(raw, dict):
        raise file.invalid(path, "a column is a table.", f'Write [columns."{name}"] and role = "..." below it.')
    column: Column = file.convert(path, raw, Column)
    method = column.treatment
    if column.part == "direct" and method == "keep":
        remedy = "Drop it, or give it a pseudonym; if it is none, call it insensitive."
        raise file.invalid((*path, "method"), "a direct identifier cannot be kept.", remedy)
    if column.part not in FITS.get(method, (column.part,)):
        remedy = f"{method} is for: {', '.join(FITS[method])}."
        raise file.invalid((*path, "method"), f"{method} does not fit the role {column.role}.", remedy)
    for needed in NEEDS.get(column.hierarchy or "", ()):
        if not getattr(column, needed):
            remedy = f"Add {needed} = ... below it."
            raise file.invalid((*path, "hierarchy"), f"the hierarchy {column.hierarchy} needs {needed}.", remedy)
    if column.file and folder is not None:
        hierarchy = folder / column.file
        if not hierarchy.is_file():
            raise file.invalid((*path, "file"), "there is no such file.", "Paths are relative to the policy.")
        column = msgspec.structs.replace(column, file=str(hierarchy))
    if column.lowest > column.highest:
        raise file.invalid((*path, "lowest"), "lowest is above highest.", "Give lowest <= highest.")
    if (column.l > 1 or column.t is not None) and column.part != "sensitive":
        key = "l" if column.l > 1 else "t"
        raise file.invalid((*path, key), "l and t belong to sensitive columns.", 'Set role = "sensitive".')
    if column.distance == "hierarchical" and column.hierarchy is None:
        remedy = "Give a hierarchy (tree or file), or another distance."
        raise file.invalid((*path, "distance"), "a hierarchical distance needs a hierarchy.", remedy)
    return column


def _whole(file: Located, policy: Policy) -> None:
    if policy.targets is not None and not policy.quasi:
        remedy = 'Give at least one column role = "quasi".'
        raise file.invalid(("targets",), "there are targets, but no quasi-identifier.", remedy)
    diverse = [n for n, c in policy.columns.items() if c.part == "sensitive" and (c.l > 1 or c.t is not None)]
    if diverse and policy.targets is None:
        raise file.invalid(("columns", diverse[0]), "l and t need [targets].", "Add [targets] with k = 5, say.")
    if policy.safe_harbor:
        for name, column in policy.columns.items():
            if column.treatment == "shift":
                remedy = "Use year, or set safe_harbor = false and have an expert determine the risk."
                raise file.invalid(("columns", name, "method"), "shifted dates are not Safe Harbor.", remedy)
    subjects = [name for name, column in policy.columns.items() if column.part == "subject"]
    if len(subjects) > 1:
        raise file.invalid(("columns", subjects[1], "role"), "there is one subject column.", "Call this one direct.")
    shifting = [name for name, column in policy.columns.items() if column.treatment == "shift"]
    if shifting and not subjects:
        remedy = 'Give the column of patients role = "subject": all dates of a patient move together.'
        raise file.invalid(("columns", shifting[0], "method"), "shifting dates needs a subject.", remedy)


def written(policy: Policy, *, comments: dict[str, str] | None = None) -> str:
    """The policy as TOML, only what is not as usual; `comments` by column go above it (never a value of the table)."""
    lines = [f"name = {_toml(policy.name)}", f"undeclared = {_toml(policy.undeclared)}"]
    usual = Policy()
    for key in ("safe_harbor", "strict_zip", "oldest"):
        if getattr(policy, key) != getattr(usual, key):
            lines.append(f"{key} = {_toml(getattr(policy, key))}")
    if policy.targets is not None:
        lines += ["", "[targets]", *_fields(policy.targets, Targets())]
    for name, column in policy.columns.items():
        lines.append("")
        if comments and comments.get(name):
            lines.append(f"# {comments[name]}")
        lines += [f"[columns.{_toml(name)}]", f"role = {_toml(column.role)}"]
        lines += _fields(column, Column(role=column.role), leave=("role",))
    return "\n".join(lines) + "\n"


def _fields(value: Any, usual: Any, leave: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{key} = {_toml(getattr(value, key))}"
        for key in value.__struct_fields__
        if key not in leave and getattr(value, key) != getattr(usual, key)
    ]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return str(value)
