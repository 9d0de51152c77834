"""What a training runs on, in words that can be compared later: code, versions, threads, machine."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


@cache
def code_now() -> str:
    """The version of Bedrail and the first letters of a digest over the sources that training runs."""
    home = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(home.glob("*.py")):
        digest.update(f"{path.name}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"{version('bedrail')}+{digest.hexdigest()[:12]}"


def versions_of(libraries: Sequence[str]) -> dict[str, str]:
    """Python and these libraries with whatever they need in turn, as installed; what is not installed is left out."""
    found: dict[str, str] = {}
    asked = list(libraries)
    while asked:
        name = asked.pop()
        plain = re.sub(r"[-_.]+", "-", name).lower()
        if plain in found:
            continue
        try:
            found[plain] = version(name)
        except PackageNotFoundError:
            continue
        wanted = (line for line in requires(name) or () if "extra ==" not in line)
        asked += [match.group() for line in wanted if (match := _NAME.match(line))]
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


def machine_now() -> str:
    """Processor family, system, and the linear algebra of numpy and scipy, which may round differently elsewhere.

    Another package's own copy (OpenCV's) is not told: whether it is loaded depends on what else the process did.
    """
    import scipy.linalg  # noqa: F401 (its linear algebra is there from then on)
    from threadpoolctl import threadpool_info

    blas = {
        f"{each['internal_api']} {each.get('version') or ''} {each.get('architecture') or ''}".strip()
        for each in threadpool_info()
        if each["user_api"] == "blas" and _is_theirs(Path(each["filepath"]).parent.name)
    }
    return ", ".join((f"{platform.machine()} {platform.system()}", *sorted(blas)))


def _is_theirs(folder: str) -> bool:
    return folder in {"numpy.libs", "scipy.libs"} or not folder.endswith(".libs")


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra and OpenMP on one thread: sums of floats depend on how they are shared out."""
    import sklearn  # noqa: F401 (its OpenMP must be loaded before it can be limited)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
