"""A small real house for bedside tests: keys, SQLite, ledger, one admitted linear candidate, deployed; and a server."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

import throwaway
from bedrail.app import App, create_home, open_home
from bedrail.core.events.delivery import CandidateAdmitted, DeploymentHalted, DeploymentMoved
from bedrail.core.events.governance import (
    InstallationOpened,
    PersonAdded,
    PolicyAdopted,
    TokenIssued,
    TokenRevoked,
    UseCaseOpened,
)
from bedrail.journeys.context import SYSTEM
from bedrail.journeys.packages import package_statement
from bedrail.keys import new_token
from bedrail.models.contract import Contract, Feature
from bedrail.models.linear import LinearModel
from bedrail.models.package import write_package
from bedrail.models.values import Lineage, Package
from bedrail.models.wrap import wrap
from bedrail.web.server import Standing, build, configuration

ORIGIN = "hospital.example/ledger"
USE_CASE = "falls-7d"

CONTRACT = Contract(
    features=(
        Feature(name="age", label="Age", kind="numeric", unit="a", low=18, high=110),
        Feature(name="stay", label="Length of stay", kind="numeric", unit="d", units={"h": 1 / 24}, low=0, high=60),
        Feature(name="sodium", label="Sodium", kind="numeric", unit="mmol/L", low=90, high=190, max_age_hours=48),
        Feature(name="visits", label="Visits", kind="numeric", unit="1", low=0, high=50, missing="impute", impute=0),
        Feature(name="insulin", label="Insulin dose", kind="categorical", levels=("no", "steady", "up")),
        Feature(
            name="source",
            label="Admitted from",
            kind="categorical",
            levels=("home", "transfer"),
            missing="impute",
            impute="home",
        ),
    )
)

CHARTER = """
[use_case]
id = "{use_case}"
title = "Fall within 7 days"
intended_use = "Point nurses to patients who may fall."
population = "Adults on wards"
fallback = "Assess falls by clinical judgement."
tier = "medium"
owner = "dr-adams"

[decision]
mode = "{mode}"
threshold = 0.3
suggestion = "Offer a fall-prevention visit"
max_interval_width = {width}
budget_ms = {budget}

[data]
source = "data.csv"
subject = "patient"
encounter = "encounter"
time = "time"
outcome = "fell"
site = "site"
groups = ["gender"]
"""

LIMITS = "\n[limits]\nper_minute = {0}\nburst = {0}\nall_per_minute = {0}\nall_burst = {0}\n"


def features_toml(contract: Contract) -> str:
    """The contract's features as they stand in a charter."""
    text = ""
    for feature in contract.features:
        text += f'\n[[features]]\nname = "{feature.name}"\nlabel = "{feature.label}"\nkind = "{feature.kind}"\n'
        if feature.kind == "numeric":
            text += f'unit = "{feature.unit}"\nlow = {feature.low:g}\nhigh = {feature.high:g}\n'
        else:
            text += f"levels = {json.dumps(feature.levels)}\n"
        text += f'missing = "{feature.missing}"\n'
        if feature.missing == "impute":
            text += f"impute = {json.dumps(feature.impute)}\n"
    return text


def linear_package(name: str = "falls-1", seed: int = 1, **changes: Any) -> tuple[Package, bytes]:
    """A small logistic model over the contract with calibration and uncertainty fitted on simulated patients."""
    rng = np.random.default_rng(seed)
    n, width = 1500, len(CONTRACT.columns)
    X = np.zeros((n, width))
    X[:, 0], X[:, 1] = rng.uniform(20, 95, n), rng.uniform(0, 20, n)
    X[:, 2], X[:, 3] = rng.normal(139, 4, n), rng.integers(0, 8, n)
    X[np.arange(n), 4 + rng.integers(0, 3, n)] = 1
    X[np.arange(n), 7 + rng.integers(0, 2, n)] = 1
    model = LinearModel(np.array([0.02, 0.03, -0.01, 0.2, 0.0, 0.1, 0.3, 0.0, 0.2]), -1.8)
    y = (rng.uniform(size=n) < model.scores(X)).astype(float)
    data = model.to_bytes()
    package = wrap(
        changes.pop("kind", "linear"),
        b"" if changes.get("endpoint") else data,
        CONTRACT,
        X[:700],
        y[:700],
        X[700:],
        name=name,
        lineage=Lineage(origin="trained"),
        scores_cal=model.scores(X[:700]),
        **changes,
    )
    return package, b"" if changes.get("endpoint") else data


def usual(**changes: Any) -> dict[str, Any]:
    """A request that is answered; `features` given here are laid over the usual ones."""
    features: dict[str, Any] = {
        "age": 67,
        "stay": 4,
        "sodium": 138,
        "visits": 2,
        "insulin": "steady",
        "source": "home",
    }
    features.update(changes.pop("features", {}))
    request = {
        "subject": "patient-77881",
        "encounter": "enc-1",
        "site": "north",
        "at": datetime.now(UTC).isoformat(),
        "features": features,
        "groups": {"gender": "F"},
    }
    return request | changes


@dataclass
class SmallHouse:
    """The parts of a test house, and the short ways to change it."""

    app: App
    token: str
    candidate: str
    tokens: dict[str, str] = field(default_factory=dict)
    contract: Contract = CONTRACT

    def visitor(self, person: str = "dr-adams") -> dict[str, str]:
        """The header of a browser that opened the link of a home without accounts as this person."""
        at = self.app.reception()
        return {"Cookie": f"bedrail-loopback={at.open_link(at.local_link(person), device='test').token}"}

    def append(self, *facts: Any) -> None:
        """Facts by the system, in one commit."""
        self.app.context.append(SYSTEM, "governance", *facts)

    def deploy(self, candidate: str = "", stage: str = "general", **changes: Any) -> None:
        """Move a candidate to a stage, without asking a gate."""
        moved = {
            "use_case": USE_CASE,
            "candidate": candidate or self.candidate,
            "from_stage": "none",
            "to_stage": stage,
            "sites": (),
            "share": 1000,
            "until": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
        }
        self.append(DeploymentMoved(**(moved | changes)))

    def halt(self) -> None:
        """Stop the use case."""
        self.append(DeploymentHalted(use_case=USE_CASE, candidate=self.candidate, reason="too many falls missed"))

    def issue(self, use_case: str = USE_CASE, days: float = 1) -> str:
        """A new token; its id is `t` and a number."""
        token, digest = new_token()
        name = f"t{len(self.tokens)}"
        self.tokens[token] = name
        expires = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        self.append(TokenIssued(token=name, use_case=use_case, sha256=digest, client="ehr", expires=expires))
        return token

    def revoke(self, token: str) -> None:
        """End a token."""
        self.append(TokenRevoked(token=self.tokens[token], reason="lost"))

    def open_case(
        self, use_case: str, mode: str = "confirm", width: float = 1.0, budget: int = 5000, pace: int = 10_000_000
    ) -> None:
        """Open (or reopen with other terms) a use case; `pace` a minute and at once, far beyond any test by default."""
        text = CHARTER.format(use_case=use_case, mode=mode, width=width, budget=budget) + features_toml(self.contract)
        text += LIMITS.format(pace)
        digest = self.app.context.artifacts.put(text.encode())
        self.append(
            UseCaseOpened(
                use_case=use_case,
                title="Fall within 7 days",
                tier="medium",
                mode=mode,
                owner="dr-adams",
                charter=digest,
            )
        )

    def admit(self, package: Package, model: bytes, folder: Path) -> str:
        """Store and sign a package; returns its digest."""
        write_package(folder, package, model)
        ctx = self.app.context
        digest = ctx.artifacts.put_tree(folder)
        self.append(
            CandidateAdmitted(
                candidate=digest,
                use_case=USE_CASE,
                name=package.name,
                kind=package.kind,
                origin="test",
                dataset="d" * 64,
                author="dr-data",
                signature=ctx.signer.sign(package_statement(digest)).hex(),
            )
        )
        return digest


def small_house(
    folder: Path, *, deployed: bool = True, made: tuple[Package, bytes] | None = None, **terms: Any
) -> SmallHouse:
    """A home with people, policy, one use case, one candidate and one token.

    With the usual candidate it is a copy of the first one of its kind: founding takes ten times as long.
    """
    if made is not None:
        return _founded(folder, deployed, made, terms)
    place, token, candidate, tokens = _first(deployed, **terms)
    shutil.copytree(place, folder, dirs_exist_ok=True)
    return SmallHouse(open_home(folder / "home"), token, candidate, dict(tokens))


@cache
def _first(deployed: bool, **terms: Any) -> tuple[Path, str, str, dict[str, str]]:
    place = throwaway.folder("bedside")
    house = _founded(place, deployed, linear_package(), terms)
    house.app.close()
    return place, house.token, house.candidate, house.tokens


def _founded(folder: Path, deployed: bool, made: tuple[Package, bytes], terms: dict[str, Any]) -> SmallHouse:
    package, model = made
    app = create_home(folder / "home", ORIGIN)
    house = SmallHouse(app, "", "", contract=package.contract)
    policy = app.context.artifacts.put(b"name = 'test'\n")
    house.append(
        InstallationOpened(origin=ORIGIN, owner="dr-adams", keys=()),
        PersonAdded(person="dr-lee", name="Dr Lee", roles=("clinician",)),
        PersonAdded(person="auditor", name="An Auditor", roles=("auditor",)),
        PolicyAdopted(policy=policy, name="test"),
    )
    house.open_case(USE_CASE, **terms)
    house.open_case("other-case")
    house.candidate = house.admit(package, model, folder / "package")
    house.token = house.issue()
    if deployed:
        house.deploy()
    return house


@dataclass
class Replied:
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Client:
    """A plain HTTP/1.1 client of a running test server."""

    port: int
    token: str

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Replied:
        """One request on a connection of its own; `body` is JSON-encoded unless it is bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            said = {"Authorization": f"Bearer {self.token if token is None else token}"} if token != "" else {}
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            if data is not None:
                said["Content-Type"] = "application/json"
            connection.request(method, path, data, said | (headers or {}))
            response = connection.getresponse()
            return Replied(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def decide(self, body: Any, use_case: str = USE_CASE, **more: Any) -> Replied:
        """Ask for a decision."""
        return self.ask("POST", f"/api/v1/use-cases/{use_case}/decisions", body, **more)


@contextmanager
def served(house: SmallHouse, adjust: Callable[[Standing], None] = lambda _: None) -> Iterator[Client]:
    """The house behind a real uvicorn server on a free loopback port, in a thread with a loop of its own."""
    standing = Standing(house.app)
    adjust(standing)
    config = configuration(build(standing), host="127.0.0.1", port=0)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    wait = threading.Event()
    while not server.started and thread.is_alive():
        wait.wait(0.01)
    assert server.started
    try:
        yield Client(server.servers[0].sockets[0].getsockname()[1], house.token)
    finally:
        server.should_exit = True
        thread.join(15)
        house.app.store.close()


def eventually(true: Callable[[], bool], seconds: float = 3.0) -> bool:
    """Whether something comes true in time."""
    wait = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if true():
            return True
        wait.wait(0.02)
    return False


def digest_of(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
