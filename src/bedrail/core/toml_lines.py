"""TOML with a memory for places: every error points at the line that caused it.

`tomllib` gives values without positions. The scanner here walks a text that `tomllib` has already accepted (so it
need not judge the grammar, TOML 1.0.0) and notes the line of every key, table and array element.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from bedrail.core.errors import Invalid

Path = tuple[str | int, ...]
T = TypeVar("T")

MAX_BYTES = 1_000_000
"""A longer file is a mistake, and would only keep the reader busy."""

_LONG_KEY = re.compile(r"""(?:\.[ \t]*(?:[A-Za-z0-9_-]+|"[^"\n]{0,80}"|'[^'\n]{0,80}')[ \t]*){65}""")
"""A key of more than 65 parts: nobody writes one, and `tomllib` takes the square of its length."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]\}#\r\n]*")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class _Scanner:
    """One walk over an accepted TOML text; `lines` maps key paths to lines counted from 1."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.counted = 0
        self.line = 1
        self.lines: dict[Path, int] = {}
        self.last: dict[Path, int] = {}  # arrays of tables -> index of their newest element

    def here(self) -> int:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line

    def skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def note(self, path: Path) -> None:
        self.lines.setdefault(path, self.here())

    def document(self) -> dict[Path, int]:
        inside: Path = ()
        while True:
            self.skip(_SPACE)
            if self.at >= len(self.text):
                return self.lines
            if self.text[self.at] == "[":
                inside = self.header()
            else:
                self.assignment(inside)

    def header(self) -> Path:
        many = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if many else 1
        keys = self.dotted()
        path: Path = ()
        for depth, key in enumerate(keys):
            path += (key,)
            if depth < len(keys) - 1 and path in self.last:
                path += (self.last[path],)
        end = self.text.index("]", self.at) + (2 if many else 1)
        self.at = start
        if many:
            self.note(path)
            self.last[path] = self.last.get(path, -1) + 1
            path += (self.last[path],)
        for depth in range(1, len(path) + 1):
            self.note(path[:depth])
        self.at = end
        return path

    def dotted(self) -> list[str]:
        keys = []
        while True:
            self.skip(_BLANK)
            keys.append(self.key())
            self.skip(_BLANK)
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return keys
            self.at += 1

    def key(self) -> str:
        if self.text[self.at] in "\"'":
            start = self.at
            self.string()
            return str(tomllib.loads(f"k = {self.text[start : self.at]}")["k"])
        found = _BARE.match(self.text, self.at)
        assert found is not None, "the text was accepted by tomllib"
        self.at = found.end()
        return found.group()

    def assignment(self, inside: Path) -> None:
        path = inside
        start = self.here()
        for key in self.dotted():
            path += (key,)
            self.lines.setdefault(path, start)
        self.at = self.text.index("=", self.at) + 1
        self.skip(_BLANK)
        self.value(path)

    def value(self, path: Path) -> None:
        self.note(path)
        sign = self.text[self.at]
        if sign in "\"'":
            self.string()
        elif sign == "[":
            self.array(path)
        elif sign == "{":
            self.inline_table(path)
        else:
            self.skip(_SCALAR)

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self.skip(_SPACE)
            if self.text[self.at] == "]":
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.value((*path, index))
            index += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self.skip(_SPACE)
            if self.text[self.at] == "}":
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.assignment(path)

    def string(self) -> None:
        quote = self.text[self.at]
        long = self.text.startswith(quote * 3, self.at)
        close = quote * 3 if long else quote
        self.at += len(close)
        while not self.text.startswith(close, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(close)
        while long and self.text.startswith(quote, self.at):  # up to two quotes may stand before the closing three
            self.at += 1


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every key path in `text`, which `tomllib.loads` must already have accepted."""
    return _Scanner(text).document()


def dotted(path: Path) -> str:
    """The path as people write it: `features[2].low`."""
    written = ""
    for part in path:
        written += f"[{part}]" if isinstance(part, int) else f".{part}" if written else part
    return written


@dataclass(frozen=True, slots=True)
class Located:
    """A parsed TOML file that knows its lines."""

    name: str
    data: dict[str, Any]
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of the path, or of the nearest thing around it."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.lines:
                return self.lines[path[:depth]]
        return 1

    def invalid(self, path: Path, message: str, remedy: str) -> Invalid:
        """An `Invalid` whose `path` reads `file:LINE key`."""
        return Invalid(message, path=f"{self.name}:{self.line(path)} {dotted(path)}".strip(), remedy=remedy)

    def table(self, path: Path, *, required: bool = True) -> dict[str, Any]:
        """The table at `path`; empty when absent and not required; raises `Invalid`."""
        found: Any = self.data
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
        if found is None and not required:
            return {}
        if found is None:
            raise self.invalid(path, f"The table [{dotted(path)}] is missing.", f"Add [{dotted(path)}] to {self.name}.")
        if not isinstance(found, dict):
            raise self.invalid(
                path, f"`{dotted(path)}` must be a table.", f"Write [{dotted(path)}] with keys below it."
            )
        return found

    def known_keys(self, path: Path, known: tuple[str, ...]) -> None:
        """Raise `Invalid` for the first key of the table at `path` that is not among `known`."""
        for key in self.table(path):
            if key not in known:
                raise self.invalid((*path, key), f"Nothing here is called {key!r}.", suggest(key, known))

    def convert(self, path: Path, raw: Any, into: type[T]) -> T:
        """`raw` (found at `path`) as the struct `into`; raises `Invalid` with the line of the field at fault."""
        try:
            return msgspec.convert(raw, into)
        except msgspec.ValidationError as error:
            raise self._explained(path, str(error), into) from None
        except Invalid as problem:  # the struct's own rules: it knows the field, not the file
            key = problem.path.rpartition(".")[2]
            at = (*path, key) if key in _field_types(into) else path
            raise self.invalid(at, f"`{dotted(at)}` {problem.message}", problem.remedy or "Correct it.") from None
        except (ValueError, OverflowError, RecursionError) as error:
            raise self.invalid(path, f"This cannot be read: {error}.", "Use ordinary numbers and texts.") from None

    def _explained(self, path: Path, error: str, into: type[Any]) -> Invalid:
        said, _, where = error.partition(" - at `")
        inner: list[str | int] = [
            int(index) if index else name for name, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", where)
        ]
        fields = _field_types(into)
        named = re.search(r"`([^`]*)`", said)
        subject = named.group(1) if named else ""
        if "unknown field" in said:
            known = tuple(fields) if not inner else ()
            return self.invalid(
                (*path, *inner, subject), f"Nothing here is called {subject!r}.", suggest(subject, known)
            )
        if "missing required field" in said:
            return self.invalid(
                (*path, *inner), f"`{subject}` is missing.", f"Add a line `{subject} = ...` to this table."
            )
        remedy = _wanted(said, fields.get(str(inner[0])) if inner else None)
        return self.invalid((*path, *inner), f"{said}.", remedy)


_SPOKEN = {
    "float": "a number",
    "int": "a whole number",
    "str": 'text in "quotes"',
    "bool": "true or false",
    "array": "a list in [ ]",
    "object": "a table",
}


def _wanted(said: str, kind: Any) -> str:
    options = _literals(kind)
    if options:
        return f"Write one of: {', '.join(options)}."
    for word in re.findall(r"Expected `([^`]*)`", said):
        kinds = [_SPOKEN.get(part.strip(), part.strip()) for part in word.split("|")]
        limit = re.search(r"`[^`]*`( (?:>=|<=|>|<) \S+| of length .*| matching .*)", said.partition(", got")[0])
        return f"Write {' or '.join(kinds)}{limit.group(1) if limit else ''}."
    return "Look at the example in the documentation of this file."


def _literals(kind: Any) -> tuple[str, ...]:
    if get_origin(kind) is Literal:
        return tuple(str(option) for option in get_args(kind))
    return tuple(option for part in get_args(kind) for option in _literals(part))


def _field_types(into: type[Any]) -> dict[str, Any]:
    return get_type_hints(into) if isinstance(into, type) and issubclass(into, msgspec.Struct) else {}


def suggest(given: str, known: tuple[str, ...]) -> str:
    """A remedy for a name that is not `known`: the likely one, and all there are."""
    near = get_close_matches(given, known, n=1, cutoff=0.6)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    listed = f"Known here: {', '.join(known)}." if known else "Remove it, or correct its spelling."
    return meant + listed


def toml_tables(text: str) -> dict[str, Any]:
    """`tomllib.loads`, of which only `TOMLDecodeError` comes out: not for numbers, keys or nesting without end."""
    if long := _LONG_KEY.search(text):
        line = text.count("\n", 0, long.start()) + 1
        raise tomllib.TOMLDecodeError(f"a key of more than 65 parts (at line {line}, column 1)")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("too deeply nested") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:  # a whole number of more than 4,300 digits
        raise tomllib.TOMLDecodeError(str(error).split(";")[0]) from None


def read_toml(source: bytes | str, name: str) -> Located:
    """Parse TOML 1.0.0; `name` stands in errors. Raises nothing but `Invalid`."""
    if len(source) > MAX_BYTES:
        raise Invalid(
            f"The file is longer than {MAX_BYTES} bytes.", path=f"{name}:1", remedy="This is not the file meant."
        )
    text = _text(source, name)
    try:
        data = toml_tables(text)
        located = Located(name, data, key_lines(text.replace("\r\n", "\n")))
        _finite(located, (), data)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found.group(1)) if found else max(1, text.rstrip().count("\n") + 1)
        said = _AT_LINE.sub("", str(error)).replace("(at end of document)", "at the end of the file").strip()
        raise Invalid(f"This is not TOML: {said}.", path=f"{name}:{line}", remedy="Correct the line.") from None
    except (ValueError, RecursionError) as error:
        said = "too deeply nested" if isinstance(error, RecursionError) else str(error).split(";")[0]
        raise Invalid(f"This cannot be read: {said}.", path=f"{name}:1", remedy="Simplify the file.") from None
    return located


def _text(source: bytes | str, name: str) -> str:
    try:
        if isinstance(source, bytes):
            return source.decode("utf-8")
        source.encode("utf-8")
        return source
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
    except UnicodeEncodeError as error:
        line = error.object.count("\n", 0, error.start) + 1
    raise Invalid("The file is not UTF-8 text.", path=f"{name}:{line}", remedy="Save it as UTF-8.")


def _finite(located: Located, path: Path, found: Any) -> None:
    """No rule can be kept with `nan`, and none is meant with `inf`."""
    if isinstance(found, float) and not math.isfinite(found):
        raise located.invalid(path, f"`{found}` is not a number that can be kept to.", "Write an ordinary number.")
    if isinstance(found, dict):
        for key, inner in found.items():
            _finite(located, (*path, key), inner)
    elif isinstance(found, list):
        for index, inner in enumerate(found):
            _finite(located, (*path, index), inner)
