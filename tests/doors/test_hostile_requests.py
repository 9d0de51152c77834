"""Hostile requests: no 5xx, no 2xx that the schema does not know, no traces, no line of theirs in a log."""

from __future__ import annotations

from itertools import islice

import pytest

import hostile
from bedside_house import Client, usual


@pytest.fixture
def sender(client: Client) -> hostile.Sender:
    """Sends and judges."""
    document = client.ask("GET", "/openapi.json").json
    return hostile.Sender(client.port, client.token, hostile.Verdicts(document))


def test_hostile_requests_are_refused_in_words(client: Client, sender: hostile.Sender) -> None:
    """Mutated bodies, strange values, paths and headers; `bench/soak_hostile.py` sends a hundred thousand."""
    decision = client.decide(usual()).json["decision"]
    for ask in islice(hostile.asks(3, decision), 400):
        sender.ask(ask)
    assert sender.verdicts.wrong == []
    assert sender.verdicts.statuses[400] > 50
    assert client.decide(usual()).json["kind"] == "answer"


@pytest.mark.parametrize("number", range(len(hostile.raw_requests("x"))))
def test_bytes_that_no_client_sends_are_refused_or_hung_up_on(sender: hostile.Sender, number: int) -> None:
    """Two lengths, broken chunks, folded, huge and half requests."""
    sender.raw(hostile.raw_requests(sender.token)[number])
    assert sender.verdicts.wrong == []


def test_the_judge_knows_what_is_wrong(sender: hostile.Sender) -> None:
    """A 500, a trace, and a 2xx of an unknown shape would be named."""
    judge = sender.verdicts.judge
    judge("a", "GET", "/healthz", 500, b"{}")
    judge("b", "GET", "/healthz", 404, b'Traceback (most recent call last)\n  File "/x.py"')
    judge("c", "POST", hostile.DECIDE, 200, b'{"kind": 5}')
    assert len(sender.verdicts.wrong) == 3
