from array import array
from collections.abc import Callable, Mapping
from typing import Any

def cut(text: str, lower: str) -> tuple[list[str], list[int], list[int], list[int]]: ...
def letters(text: str, most: int) -> tuple[int, int]: ...
def hints(table: dict[str, int]) -> bytes: ...
def among(words: list[str], sought: Mapping[str, object]) -> list[int]: ...
def look(
    text: str,
    words: list[str],
    starts: list[int],
    ends: list[int],
    table: dict[str, int],
    hints: bytes,
    moves: array[int],
    columns: bytes,
    stops: bytearray,
    begins: array[int],
    always: bytes,
) -> tuple[list[Any], bool]: ...
def reach(
    text: str,
    starts: list[int],
    first: int,
    last: int,
    entry: int,
    moves: array[int],
    columns: bytes,
    stops: bytearray,
    begins: array[int],
    entries: int,
) -> tuple[list[int], bool]: ...
def confirm(
    rules: tuple[tuple[Any, ...], ...],
    text: str,
    at: int,
    make: Callable[[int, int, str, float, str], Any],
    source: str,
    found: list[Any],
) -> int: ...
