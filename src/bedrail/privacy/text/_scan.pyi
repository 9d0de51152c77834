from array import array

def cut(text: str, lower: str) -> tuple[list[str], list[int], list[int], list[int]]: ...
def letters(text: str, most: int) -> tuple[int, int]: ...
def look(
    text: str,
    words: list[str],
    starts: list[int],
    ends: list[int],
    table: dict[str, int],
    moves: array[int],
    columns: bytes,
    stops: bytearray,
    begins: array[int],
    always: bytes,
) -> list[tuple[int, int, int, int, int]]: ...
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
) -> list[tuple[int, int, int, int, int]]: ...
