"""A real MLflow server of its own process and environment (`tests/servers/mlflow.lock`): SQLite and files, loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import throwaway
from key_servers import free_port

MLMODELS = Path(__file__).parent / "data" / "mlflow"


class Mlflow:
    """Started when made; `close` ends it and takes its folder away. Nothing is sent anywhere else."""

    def __init__(self) -> None:
        python = Path(sys.prefix) / "mlflow" / "bin" / "python"
        assert python.exists(), "MLflow is missing: tests/servers/install.sh .venv"
        self.folder = throwaway.folder("mlflow")
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        silent = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "GIT_PYTHON_REFRESH": "quiet"}
        places = ["--backend-store-uri", f"sqlite:///{self.folder}/registry.db"]
        places += ["--artifacts-destination", f"file://{self.folder}/artifacts", "--workers", "1"]
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), *places],
            env={**os.environ, **silent, **quiet},
            cwd=self.folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        for _ in range(1200):
            try:
                with urlopen(f"{self.address}/health", timeout=5):
                    return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.1)
        said = (self.folder / "log").read_text()[-2000:]
        self.close()
        raise AssertionError(f"the MLflow server does not answer: {said}")

    def ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """The REST API 2.0."""
        data = json.dumps(body).encode() if body else None
        asked = Request(
            f"{self.address}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urlopen(asked, timeout=30) as answer:
            told: dict[str, Any] = json.loads(answer.read() or b"{}")
            return told

    def logged(self, flavour: str, files: dict[str, bytes]) -> tuple[str, str]:
        """A logged model with these files beside the flavour's MLmodel; its id and the path of its artifacts."""
        made = self.ask("POST", "logged-models", experiment_id="0", name="model")["model"]["info"]
        place = made["artifact_uri"].removeprefix("mlflow-artifacts:/")
        mlmodel = (MLMODELS / f"{flavour}.MLmodel").read_bytes()
        for name, data in {"MLmodel": mlmodel, **files}.items():
            self.put(f"{place}/{name}", data)
        return made["model_id"], place

    def put(self, path: str, data: bytes) -> None:
        """A file into the artifact store, over what is there."""
        address = f"{self.address}/api/2.0/mlflow-artifacts/artifacts/{path}"
        with urlopen(Request(address, data, method="PUT"), timeout=30):
            pass

    def version(self, name: str, model_id: str) -> str:
        """A new version of a registered model, as the client makes it from a logged one."""
        with suppress(URLError):  # it is there already
            self.ask("POST", "registered-models/create", name=name)
        source = f"models:/{model_id}"
        made = self.ask("POST", "model-versions/create", name=name, source=source, model_id=model_id)
        return str(made["model_version"]["version"])

    def close(self) -> None:
        """End the server and take its folder away."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 15)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, 9)
                self._process.wait(20)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
