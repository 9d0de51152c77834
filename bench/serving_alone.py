"""Governed decisions in one process, without HTTP and disk: with the model, without it, and their primitives alone."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from os import urandom
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedrail.core.events import encode as encode_entry
from bedrail.core.ports import Draft
from bedrail.decisions.request import Intake, read_request
from bedrail.decisions.values import answer_record, to_bytes
from bedrail.journeys.bedside import Bedside
from bedrail.ledger.append import Receipt
from bedrail.models.contract import Contract
from bedrail.models.predict import LoadedModel
from bedrail.web.server import Standing, collect_rarely

if TYPE_CHECKING:
    from bedside_house import SmallHouse


class Still:
    """A model that says what it said before."""

    def __init__(self, model: LoadedModel, x: np.ndarray) -> None:
        said, shares = model.assess(x), model.contributions(x)
        self.package = model.package
        self.assess = lambda _: said
        self.contributions = lambda _: shares


def governance(house: SmallHouse, scripts: dict[str, Path], use_case: str, times: int = 6000) -> dict[str, float]:
    """CPU microseconds of one decision in this process without HTTP and disk; and the same without the model.

    Without the model: score, interval, distance and contributions are answers kept from before, everything else
    (reading, guards, reasons in words, card, sealing, ledger entry, JSON) is done. `_together_us` is the same with
    sixteen requests in hand at a time, as at a loaded server, each in a task of its own.
    """
    encode = msgspec.json.Encoder().encode
    bodies = [line.encode() for line in scripts["governed"].with_suffix(".jsonl").read_text().splitlines()]
    receipt = Receipt(index=1, leaf="0" * 64, size=1, checkpoint="c" * 180)

    drafts: list[Draft] = []

    async def at_once(draft: Draft) -> Receipt:
        drafts[:] = [draft]
        return receipt

    async def cost(bedside: Bedside, decisions: int) -> float:
        start = time.process_time()
        for number in range(decisions):
            encode(await bedside.decide(house.token, use_case, bodies[number % len(bodies)]))
        return (time.process_time() - start) / decisions * 1e6

    async def cost_together(bedside: Bedside, decisions: int, together: int = 16) -> float:
        async def one(number: int) -> None:
            encode(await bedside.decide(house.token, use_case, bodies[number % len(bodies)]))

        start = time.process_time()
        for first in range(0, decisions, together):
            await asyncio.gather(*(one(first + more) for more in range(together)))
        return (time.process_time() - start) / -(-decisions // together) / together * 1e6

    async def measure() -> dict[str, float]:
        standing = Standing(house.app)
        bedside = standing.bedside
        bedside.commit = at_once
        await bedside.serving.settle()
        for body in bodies:
            await bedside.decide(house.token, use_case, body)
        collect_rarely()
        place = bedside.serving.ready(house.candidate)
        loaded = place.model
        x = loaded.encoder.row(json.loads(bodies[0])["features"])
        real, still, real_together, still_together, least = [], [], [], [], []
        vault = house.app.context.vault

        def opened(draft: Draft) -> bytes:
            record = draft.records[0]
            return vault.open(record, record.key)  # nothing was stored, so the key still rides along

        async def straight() -> float:
            decide = partial(bedside.decide, house.token, use_case)
            return await primitives(decide, drafts, opened, loaded.package.contract, bodies[0], house.token)

        for _ in range(9):
            place.model = loaded
            real.append(await cost(bedside, times // 9))
            real_together.append(await cost_together(bedside, times // 9))
            place.model = Still(loaded, x)
            still.append(await cost(bedside, times // 9))
            still_together.append(await cost_together(bedside, times // 9))
            least.append(await straight())
        kinds = {kind for _, kind, _ in bedside.tally}
        assert kinds == {"answer"} or sum(bedside.tally.values()) * 0.95 < sum(
            count for (_, kind, _), count in bedside.tally.items() if kind == "answer"
        )
        await standing.group.close()
        return {
            "decision_us": statistics.median(real),
            "governance_us": statistics.median(still),
            "governance_us_best": min(still),
            "decision_together_us": statistics.median(real_together),
            "governance_together_us": statistics.median(still_together),
            "governance_together_us_best": min(still_together),
            "primitives_us": statistics.median(least),
        }

    return uvloop.run(measure())


async def primitives(
    decide: Callable[[bytes], Awaitable[Any]],
    drafts: list[Draft],
    opened: Callable[[Draft], bytes],
    contract: Contract,
    body: bytes,
    token: str,
    times: int = 600,
) -> float:
    """CPU microseconds of the primitives of deciding `body`: less the steps of a decision cannot cost here.

    The token's digest, the request read into typed fields, the pseudonym, the encoded row, and record, entry and reply
    written, sealed and hashed: by the same code on the same bytes, every object made beforehand, no guard, no reasons,
    no card, nothing between. `decide` answers, `drafts` is the list to which its draft is added, `opened` gives a
    draft's record in plain.
    """
    reply = await decide(body)
    draft = drafts[-1]
    record = answer_record(opened(draft))
    plain, values = to_bytes(record), list(record.inputs.values())
    decoder = Intake(contract)._quick
    keyed, cipher, write = hmac.new(urandom(32), digestmod=hashlib.sha256), AESGCM(urandom(32)), msgspec.json.Encoder()
    context, nonce = b"x" * 120, urandom(12)
    start = time.process_time()
    for _ in range(times):
        hashlib.sha256(token.encode()).hexdigest()
        decoder.decode(read_request(body).features)
        named = keyed.copy()
        named.update(b"p1")
        named.hexdigest()
        np.array(values, dtype=np.float64)
        to_bytes(record)
        sealed = cipher.encrypt(nonce, plain, context)
        hashlib.sha256(sealed).hexdigest()
        data = encode_entry(draft.entry)
        hashlib.sha256(data).digest()
        write.encode(reply)
    return (time.process_time() - start) / times * 1e6
