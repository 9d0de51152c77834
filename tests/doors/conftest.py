"""One running house for the tests that do not change it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bedside_house import Client, SmallHouse, served, small_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> SmallHouse:
    """A deployed use case."""
    return small_house(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def client(house: SmallHouse) -> Iterator[Client]:
    """A client of its running server."""
    with served(house) as running:
        yield running
