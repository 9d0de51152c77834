"""Keys and files that commands are given."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bedrail.core.errors import Corrupt, Invalid, Unavailable

if TYPE_CHECKING:
    from bedrail.ledger.proof import LogKeys

KEY_HELP = (
    "A key that you know from elsewhere: 64 hex digits, a verifier key line, or a file of such lines. "
    "Repeat it for the second key and witnesses."
)


def key_options(values: tuple[str, ...]) -> LogKeys | None:
    """The keys pinned with --key, or None when there are none; raises `Invalid`."""
    from bedrail.ledger.proof import parse_log_keys

    if not values:
        return None
    lines: list[str] = []
    for value in values:
        path = Path(value)
        if "+" not in value and "\n" not in value and len(value) < 4096 and path.is_file():
            lines += file_option(path, "--key").decode(errors="replace").splitlines()
        else:
            lines += value.splitlines()
    try:
        return parse_log_keys([line for line in lines if line])
    except Corrupt as error:
        remedy = "Give the 64 hex digits that `bedrail init` printed, or lines of `bedrail ledger keys`."
        raise Invalid("not a key.", path="--key", remedy=remedy) from error


def file_option(path: Path, name: str) -> bytes:
    """The bytes of a file named on the command line; raises `Invalid` or `Unavailable`."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise Invalid(f"there is no file {path}.", path=name, remedy="Name another.") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read.", remedy="Check its permissions.") from error


def text_option(path: Path, name: str) -> str:
    """The text of such a file, which is UTF-8, with or without a mark in front; raises as `file_option`."""
    try:
        return file_option(path, name).decode("utf-8-sig")
    except UnicodeDecodeError:
        remedy = "Save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8"
        raise Invalid(f"{path} is not UTF-8 text.", path=name, remedy=remedy) from None


def second_key_option(path: Path) -> bytes:
    """The ML-DSA-44 key among the verifier key lines of a file (`bedrail ledger keys`); raises `Invalid`."""
    from bedrail.ledger.cosignature import parse_cosigner_key

    for line in file_option(path, "--second-key").decode(errors="replace").splitlines():
        with suppress(Corrupt):  # the file holds the ledger's first key too
            key = parse_cosigner_key(line)
            if key.algorithm == "ml-dsa-44":
                return key.public_key
    remedy = "Give the second line of `bedrail ledger keys`, or all of them."
    raise Invalid("no ML-DSA-44 verifier key is in it.", path="--second-key", remedy=remedy)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet; raises `Invalid` or `Unavailable`."""
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise Invalid(f"{path} is there already.", path="--out", remedy="Name a new file.") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be written.", remedy="Check the folder and its disk.") from error
