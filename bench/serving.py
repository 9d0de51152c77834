"""Governed decisions over HTTP against ungoverned peers answering the same model, all up at once.

    nice .venv/bin/python bench/serving.py [--rounds 5] [--seconds 2] [--only governance]

LightGBM 200 trees x 31 leaves x 30 numeric features. Each round gives every server a wrk window at 1, 8 and 64
clients, interleaved; figures are medians of per-round ratios. Server CPU comes from /proc/PID/stat (children
included), the raw fdatasync from the same disk in the same run. Peers run at their best settings with one worker,
OMP_NUM_THREADS=1 and telemetry off; a peer whose environment cannot be installed is left out and said so. `floor` is
no peer but the least that anybody pays who records before answering: an empty ASGI handler, one INSERT, one COMMIT.
Results: bench/out/serving.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from onnx_trees import onnx_of  # noqa: E402
from serving_alone import governance  # noqa: E402

import bedside_house as bh  # noqa: E402
from bedrail.models.contract import Contract, Feature  # noqa: E402
from bedrail.models.values import Lineage  # noqa: E402
from bedrail.models.wrap import wrap  # noqa: E402

WIDTH, ROWS, BODIES, SUBJECTS = 30, 20_000, 2_000, 2_000
NAMES = [f"f{i}" for i in range(WIDTH)]
QUIET = {
    "OMP_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_TRACKING_URI": "file:///nonexistent",
}
MLFLOW, FASTAPI = HERE / ".venv-mlflow", HERE / ".venv-fastapi"


@dataclass
class Server:
    """One running server and how to ask it."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    script: Path

    def cpu_seconds(self) -> float:
        """CPU of the process and all its descendants so far."""
        return sum(_cpu(pid) for pid in _family(self.process.pid))

    def memory_mb(self) -> float:
        """Resident memory of the process and all its descendants."""
        return sum(_rss(pid) for pid in _family(self.process.pid)) / 1e6


def train(out: Path) -> tuple[np.ndarray, np.ndarray]:
    """The model as LightGBM text and ONNX, and its data, in `out`."""
    import lightgbm

    rng = np.random.default_rng(1)
    X = rng.normal(size=(ROWS, WIDTH)).round(3)
    margin = X[:, :8] @ rng.normal(size=8) * 0.5 + X[:, 0] * X[:, 1] * 0.4 - 1.5
    y = (rng.uniform(size=ROWS) < 1 / (1 + np.exp(-margin))).astype(int)
    params = {
        "objective": "binary",
        "num_leaves": 31,
        "learning_rate": 0.05,
        "num_threads": 1,
        "seed": 1,
        "verbose": -1,
    }
    booster = lightgbm.train(params, lightgbm.Dataset(X, y, feature_name=NAMES), 200)
    booster.save_model(str(out / "model.txt"))
    np.savez(out / "data.npz", X=X, y=y)
    (out / "model.onnx").write_bytes(onnx_of(booster.dump_model(), WIDTH))
    return X, y


def make_home(out: Path, X: np.ndarray, y: np.ndarray) -> bh.SmallHouse:
    """A home in which that model serves, in the general stage."""
    contract = Contract(
        features=tuple(
            Feature(name=n, label=f"Feature {n}", kind="numeric", unit="1", low=-20, high=20, max_age_hours=48)
            for n in NAMES
        )
    )
    model = (out / "model.txt").read_bytes()
    package = wrap(
        "trees",
        model,
        contract,
        X[:8000],
        y[:8000].astype(float),
        X[8000:],
        name="bench",
        lineage=Lineage(origin="trained"),
    )
    return bh.small_house(out, made=(package, model), budget=60_000)


def write_scripts(out: Path, X: np.ndarray, token: str) -> dict[str, Path]:
    """One wrk script per kind of request; every one rotates through the same rows."""
    now = datetime.now(UTC).isoformat()
    rows = [dict(zip(NAMES, map(float, row), strict=True)) for row in X[:BODIES]]
    kinds = {
        "governed": [
            {"subject": f"p{i % SUBJECTS}", "encounter": f"e{i}", "site": "north", "at": now, "features": row}
            for i, row in enumerate(rows)
        ],
        "fastapi": rows,
        "mlflow": [{"dataframe_split": {"columns": NAMES, "data": [list(row.values())]}} for row in rows],
    }
    scripts = {}
    for kind, bodies in kinds.items():
        data = out / f"{kind}.jsonl"
        data.write_text("\n".join(json.dumps(body) for body in bodies) + "\n")
        scripts[kind] = out / f"{kind}.lua"
        auth = f'wrk.headers["Authorization"] = "Bearer {token}"\n' if kind == "governed" else ""
        scripts[kind].write_text(
            f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n{auth}'
            f'local made = {{}}\nlocal at = 0\ninit = function(args)\n  for line in io.lines("{data}") do\n'
            "    made[#made + 1] = wrk.format(nil, nil, nil, line)\n  end\nend\n"
            "request = function()\n  at = at % #made + 1\n  return made[at]\nend\n"
        )
    return scripts


def start(out: Path, house: bh.SmallHouse, scripts: dict[str, Path]) -> list[Server]:
    """Every server that can be started here, answering."""
    house.app.close()
    commands: dict[str, tuple[list[str], str, str, str]] = {
        "governed": (
            [sys.executable, str(HERE / "peers/governed.py"), str(out / "home"), "PORT"],
            f"/api/v1/use-cases/{bh.USE_CASE}/decisions",
            "/readyz",
            "governed",
        ),
        "floor": ([sys.executable, str(HERE / "peers/floor.py"), str(out / "floor"), "PORT"], "/", "/", "governed"),
    }
    if ready(FASTAPI, ["fastapi", "uvicorn", "uvloop", "httptools", "lightgbm", "scikit-learn", "onnxruntime"]):
        python = str(FASTAPI / "bin/python")
        commands["fastapi-sklearn"] = (
            [python, str(HERE / "peers/fastapi_sklearn.py"), str(out / "data.npz"), "PORT"],
            "/predict",
            "/docs",
            "fastapi",
        )
        commands["fastapi-onnx"] = (
            [python, str(HERE / "peers/fastapi_onnx.py"), str(out / "model.onnx"), "PORT"],
            "/predict",
            "/docs",
            "fastapi",
        )
    if ready(MLFLOW, ["mlflow==3.17.2", "lightgbm", "scikit-learn", "pandas"]):
        python, folder = str(MLFLOW / "bin/python"), out / "mlflow"
        made = [python, str(HERE / "peers/mlflow_model.py"), str(out / "model.txt"), str(folder)]
        subprocess.run(made, check=True, env=environment(MLFLOW), capture_output=True)
        commands["mlflow"] = (
            f"{python} -m mlflow models serve -m {folder} --env-manager local -h 127.0.0.1 -p PORT --workers 1".split(),
            "/invocations",
            "/ping",
            "mlflow",
        )
    servers = []
    for name, (command, path, health, kind) in commands.items():
        port = _free_port()
        venv = MLFLOW if name == "mlflow" else FASTAPI
        log = (out / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [str(port) if part == "PORT" else part for part in command],
            env=environment(None if name in ("governed", "floor") else venv),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        server = Server(name, process, f"http://127.0.0.1:{port}{path}", scripts[kind])
        if _answers(f"http://127.0.0.1:{port}{health}", process):
            servers.append(server)
        else:
            stop([server])
            print(f"{name}: did not start, left out; see {out / f'{name}.log'}")
    return servers


def ready(venv: Path, wanted: list[str]) -> bool:
    """Whether the peers' environment is there, made now if it was not."""
    mark = venv / ".ready"
    if mark.exists():
        return True
    print(f"making {venv.name} ...", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True)
        install = [str(venv / "bin/python"), "-m", "pip", "install", "-q", *wanted]
        subprocess.run(install, check=True, capture_output=True, timeout=1800)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"{venv.name}: cannot be installed here ({type(error).__name__}), left out")
        return False
    mark.touch()
    return True


def environment(venv: Path | None) -> dict[str, str]:
    """One thread, no telemetry, and the environment's own programs first."""
    path = os.environ["PATH"] if venv is None else f"{venv / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, **QUIET, "PATH": path}


def window(server: Server, clients: int, seconds: float) -> dict[str, float]:
    """One wrk window: requests per second, p50 and p99 in ms, server CPU in us a request."""
    before = server.cpu_seconds()
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--latency", "--timeout", "30s"]
    command += ["-s", str(server.script), server.url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cpu = max(server.cpu_seconds() - before, 1 / os.sysconf("SC_CLK_TCK"))  # less is not told
    requests = int(re.search(r"(\d+) requests in", text)[1])
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if failed or "Socket errors" in text:
        raise SystemExit(f"{server.name} did not answer every request:\n{text}")
    if not requests:  # a machine that is too busy for so short a window
        return window(server, clients, 2 * seconds)
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        "p50": _milliseconds(re.search(r"^\s+50%\s+(\S+)", text, re.M)[1]),
        "p99": _milliseconds(re.search(r"^\s+99%\s+(\S+)", text, re.M)[1]),
        "cpu": cpu / max(requests, 1) * 1e6,
    }


def fdatasync_ms(folder: Path, times: int = 200) -> float:
    """The median of writing 4 KiB and forcing it to disk, in ms."""
    found = []
    with (folder / "raw").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            found.append((time.perf_counter() - start) * 1e3)
    return statistics.median(found)


def main() -> None:
    """Run, print, and keep."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--only", choices=["governance"])
    given = options.parse_args()
    out = Path(tempfile.mkdtemp(prefix="bedrail-serving-", dir=HERE))
    servers: list[Server] = []
    try:
        X, y = train(out)
        house = make_home(out, X, y)
        scripts = write_scripts(out, X, house.token)
        found: dict = {"governance": governance(house, scripts, bh.USE_CASE)}
        print(json.dumps(found["governance"], indent=1))
        if given.only:
            return
        if shutil.which("wrk") is None:
            raise SystemExit("wrk is missing: apt-get install wrk")
        servers = start(out, house, scripts)
        found["rounds"] = measure_all(servers, given.rounds, given.seconds, out)
        found["summary"] = summary(found["rounds"])
        found["memory_mb"] = {server.name: round(server.memory_mb(), 1) for server in servers}
        found["answers"] = answers(servers)
        show(found)
        (HERE / "out").mkdir(exist_ok=True)
        (HERE / "out/serving.json").write_text(json.dumps(found, indent=1))
    finally:
        stop(servers)
        shutil.rmtree(out, ignore_errors=True)


def measure_all(servers: list[Server], rounds: int, seconds: float, out: Path) -> list[dict]:
    """Interleaved windows; the first, short pass warms everything up and is not kept."""
    for server in servers:
        window(server, 8, 1)
    kept = []
    for number in range(rounds):
        this: dict = {"fdatasync": fdatasync_ms(out)}
        for clients in (1, 8, 64):
            for server in servers[number % len(servers) :] + servers[: number % len(servers)]:
                this[f"{server.name}@{clients}"] = window(server, clients, seconds)
        kept.append(this)
        print(f"round {number + 1} of {rounds}", flush=True)
    return kept


def summary(rounds: list[dict]) -> dict[str, float]:
    """Medians of the per-round ratios, and of everything by itself."""
    names = sorted({key.split("@")[0] for key in rounds[0] if "@" in key})
    said: dict[str, float] = {"fdatasync_ms": statistics.median(r["fdatasync"] for r in rounds)}
    for clients in (1, 8, 64):
        for name in names:
            for figure in ("rps", "p50", "p99", "cpu"):
                values = [r[f"{name}@{clients}"][figure] for r in rounds]
                said[f"{name}@{clients} {figure}"] = statistics.median(values)
            if name != "governed":
                ours = [r[f"governed@{clients}"] for r in rounds]
                theirs = [r[f"{name}@{clients}"] for r in rounds]
                pairs = list(zip(ours, theirs, strict=True))
                said[f"x {name}@{clients} wall"] = statistics.median(a["rps"] / b["rps"] for a, b in pairs)
                said[f"x {name}@{clients} cpu"] = statistics.median(b["cpu"] / a["cpu"] for a, b in pairs)
    for name in ("governed", "floor"):
        said[f"{name} p50@1 - fdatasync ms"] = statistics.median(r[f"{name}@1"]["p50"] - r["fdatasync"] for r in rounds)
    return said


def answers(servers: list[Server]) -> str:
    """What the governed server says it replied: proof that it was answers that were measured."""
    url = servers[0].url.split("/api")[0] + "/metrics"
    text = urllib.request.urlopen(url).read().decode()
    return "\n".join(line for line in text.splitlines() if line.startswith("bedrail_decisions_total"))


def show(found: dict) -> None:
    """The figures, and the targets beside them."""
    said = found["summary"]
    for key, value in said.items():
        print(f"{key:34s} {value:10.3f}")
    print(found["answers"])
    print("memory MB", found["memory_mb"])
    for key, least in (
        ("x mlflow@64 wall", 8),
        ("x mlflow@64 cpu", 8),
        ("x mlflow@8 wall", 4),
        ("x fastapi-sklearn@64 wall", 3),
        ("x fastapi-onnx@64 wall", 0.7),
    ):
        if key in said:
            print(f"{key}: {said[key]:.2f}, wanted at least {least}: {'reached' if said[key] >= least else 'MISSED'}")
    late, least = said["governed p50@1 - fdatasync ms"], said["floor p50@1 - fdatasync ms"]
    reached = "reached" if late <= 0.5 else "MISSED"
    print(f"p50 at 1 client beyond fdatasync: {late:.3f} ms, wanted at most 0.5: {reached}")
    print(f"  the floor (empty ASGI handler, one INSERT, one COMMIT): {least:.3f} ms beyond fdatasync")
    cpu, bare = said["governed@1 cpu"], said["floor@1 cpu"]
    print(f"  CPU at 1 client: {cpu:.0f} us, the floor {bare:.0f} us: {cpu / bare:.1f} times")
    cost, least = found["governance"]["governance_us"], found["governance"]["primitives_us"]
    print(f"governance: {cost:.1f} us, wanted at most 30: {'reached' if cost <= 30 else 'MISSED'}")
    below = ": 30 us are below what these cost on this machine" if least > 30 else ""
    print(f"  its primitives alone, called straight: {least:.1f} us{below}")


def stop(servers: list[Server]) -> None:
    """End each server and its children, by their own session."""
    for server in servers:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGTERM)
    for server in servers:
        try:
            server.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)


def _answers(url: str, process: subprocess.Popen[bytes], seconds: float = 120) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _family(pid: int) -> list[int]:
    found, at = [pid], 0
    while at < len(found):
        for task in Path(f"/proc/{found[at]}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
        at += 1
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 1e-3), ("ms", 1.0), ("s", 1e3)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


if __name__ == "__main__":
    main()
