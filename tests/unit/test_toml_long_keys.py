"""Keys of TOML have an end."""

from __future__ import annotations

import tomllib

import pytest

from bedrail.core.errors import Invalid
from bedrail.core.toml_lines import read_toml, toml_tables

LONG = "a." * 66 + "a"


@pytest.mark.parametrize(
    "text", [f"{LONG} = 1", f"x = 1\n[{LONG}]", f"x = {{ {LONG} = 1 }}", f"{LONG.replace('.', ' . ')} = 1"]
)
def test_a_key_of_more_parts_than_anybody_writes_is_refused_with_its_line(text: str) -> None:
    """`tomllib` takes the square of a key's length: 1.5 s for 2,000 parts."""
    with pytest.raises(tomllib.TOMLDecodeError, match="65 parts"):
        toml_tables(text)
    with pytest.raises(Invalid, match="65 parts") as caught:
        read_toml(text, "charter.toml")
    assert caught.value.path == f"charter.toml:{1 + text.count(chr(10))}"


def test_what_is_no_key_may_have_as_many_dots() -> None:
    """Leaders of a table of contents, sentences, a key of sixty-four dots."""
    text = f"""a = "Contents {"." * 200} 5"\nb = "{"So it is. " * 100}"\n{"c." * 60}c = 1"""
    assert set(toml_tables(text)) == {"a", "b", "c"}
