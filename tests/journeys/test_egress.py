"""Allowed and closed on record: in force for running threads within a moment, by two roles alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from bedrail.core.errors import Invalid, NotFound, Refused, Unavailable
from bedrail.journeys.egress import AllowList, allow_egress, close_egress
from small_home import founded, told


class HandClock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        raise NotImplementedError


def test_what_is_allowed_and_closed_is_in_force_a_moment_later(tmp_path: Path) -> None:
    """The list follows the ledger; between two looks it asks nothing."""
    app, clock = founded(tmp_path / "home"), HandClock()
    places = AllowList(app.store, clock)
    assert places.network("vendor.example", 443) == ""
    allow_egress(app.context, "olivia", "Vendor.example:443", "public", "contract")
    assert places.network("vendor.example", 443) == ""
    clock.seconds += 1
    assert places.network("VENDOR.example", 443) == "public"
    assert places.network("vendor.example", 444) == ""
    close_egress(app.context, "olivia", "vendor.example:443", "contract ended")
    clock.seconds += 1
    assert places.network("vendor.example", 443) == ""
    with pytest.raises(NotFound):
        close_egress(app.context, "olivia", "vendor.example:443", "again")
    app.close()


def test_an_endpoint_is_asked_only_once_it_was_allowed(tmp_path: Path) -> None:
    """The wiring of a real home: refused, then tried."""
    app = founded(tmp_path / "home")
    with pytest.raises(Refused, match="egress allow"):
        app.context.remote("http://127.0.0.1:9/score")
    allow_egress(app.context, "olivia", "127.0.0.1:9", "loopback", "trial")
    app.close()
    from bedrail.app import open_home

    app = open_home(tmp_path / "home")
    with pytest.raises(Unavailable, match="does not answer"):
        app.context.remote("http://127.0.0.1:9/score")({})
    app.close()


@pytest.mark.parametrize(
    "place", ["", "host", ":443", "host:", "host:0", "host:65536", "ho st:1", "../x:1", "http://h:1"]
)
def test_a_place_is_a_host_and_a_port(tmp_path: Path, place: str) -> None:
    """And nothing else, since it stands in a fact and names a folder."""
    app = founded(tmp_path / "home")
    with pytest.raises(Invalid):
        allow_egress(app.context, "olivia", place, "public", "x")
    app.close()


def test_the_commands_say_what_holds(tmp_path: Path) -> None:
    """Allow, list, close; for the owner and the security officer."""
    founded(tmp_path / "home").close()
    home = tmp_path / "home"
    assert told("--as", "rob", "egress", "allow", "[fd12::1]:443", "--reason", "x", home=home).code == 1
    ran = told("--as", "olivia", "egress", "allow", "[fd12::1]:443", "--network", "private", "--reason", "x", home=home)
    assert (ran.code, "fd12::1:443 (private)" in ran.out) == (0, True)
    assert '"network": "private"' in told("egress", "list", "--json", home=home).out
    assert told("--as", "olivia", "egress", "close", "[fd12::1]:443", "--reason", "x", home=home).code == 0
    assert told("egress", "list", "--json", home=home).out.strip() == "[]"
