"""What key providers are tested against: a SoftHSM token, a moto server process, and our own stand-in for transit.

No Vault or OpenBao server can be installed from the package registries, so `TransitServer` answers as their API
documentation says (v1 transit: keys, encrypt, decrypt, rotate, config, trim), with real AES-256-GCM behind it.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import throwaway

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN = "1234-5678"
TOKEN = "hvs.for-tests"


@cache
def softhsm() -> str:
    """Make the token `bedrail`, one for this process and its children (a module reads its settings once).

    Returns the module's path; the folder goes away with the process.
    """
    module = next((path for path in MODULES if Path(path).exists()), "")
    assert module, "SoftHSM is missing: tests/servers/install.sh"
    folder = throwaway.folder("softhsm")
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    util = shutil.which("softhsm2-util") or "/usr/bin/softhsm2-util"
    subprocess.run(
        [util, "--init-token", "--free", "--label", "bedrail", "--pin", PIN, "--so-pin", "so-pin-1"],
        check=True,
        capture_output=True,
    )
    return module


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Moto:
    """A moto server of its own process and environment (`tests/servers/moto.lock`)."""

    def __init__(self, *, open_calls: int | None = None) -> None:
        """`open_calls`: so many requests are not authenticated, all later ones are; None for never."""
        program = Path(sys.prefix) / "moto" / "bin" / "moto_server"
        assert program.exists(), "moto is missing: tests/servers/install.sh .venv"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        env = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true"}
        if open_calls is not None:
            env["INITIAL_NO_AUTH_ACTION_COUNT"] = str(open_calls)
        self._process = subprocess.Popen(
            [str(program), "-H", "127.0.0.1", "-p", str(self.port)],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2400):  # the first start compiles it
            try:
                with urlopen(f"{self.address}/moto-api/", timeout=5):
                    return
            except OSError:
                assert self._process.poll() is None, "the moto server ended"
                time.sleep(0.05)
        self.close()
        raise AssertionError("the moto server does not answer")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)


class TransitServer:
    """A stand-in for the transit engine on loopback; `sealed` makes it answer 503 as a sealed server does."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.sealed = False
        stand_in = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("GET", {})

            def do_POST(self) -> None:
                self._answer("POST", json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}"))

            do_PUT = do_POST  # noqa: N815

            def _answer(self, method: str, body: dict[str, Any]) -> None:
                status, answer = stand_in.answer(method, self.path, self.headers.get("X-Vault-Token", ""), body)
                data = json.dumps(answer).encode() if answer is not None else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, Any]:
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        parts = path.strip("/").split("/")
        if parts[:2] != ["v1", "transit"]:
            return 404, {"errors": []}
        what, name, *rest = parts[2:]
        if what == "keys":
            return self._about_key(method, name, rest, body)
        if name not in self.keys:
            return 400, {"errors": ["encryption key not found"]} if what == "decrypt" else {"errors": ["no such key"]}
        return self._crypt(what, self.keys[name], body)

    def _about_key(self, method: str, name: str, rest: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        key = self.keys.get(name)
        if method != "GET" and not rest:
            assert body["type"] == "aes256-gcm96"
            assert body["exportable"] is body["allow_plaintext_backup"] is False
            fresh = {"least": 1, "encrypts": 0, "available": 0, "latest": 1, "secrets": {1: os.urandom(32)}}
            self.keys.setdefault(name, fresh)
            return 204, None
        if key is None:
            return 404, {"errors": []}
        if method == "GET":
            told = {"latest_version": key["latest"], "min_decryption_version": key["least"], "type": "aes256-gcm96"}
            return 200, {"data": {"name": name, "min_available_version": key["available"], **told}}
        if rest == ["rotate"]:
            key["latest"] += 1
            key["secrets"][key["latest"]] = os.urandom(32)
        elif rest == ["config"]:
            if max(body.values()) > key["latest"]:
                return 400, {"errors": ["cannot set min version higher than latest"]}
            key["least"] = body.get("min_decryption_version", key["least"])
            key["encrypts"] = body.get("min_encryption_version", key["encrypts"])
        elif rest == ["trim"]:
            if key["encrypts"] == 0:
                return 400, {"errors": ["minimum available version cannot be set when min encryption version is 0"]}
            if body["min_available_version"] > min(key["least"], key["encrypts"]):
                return 400, {"errors": ["min available version should not be greater than min decryption version"]}
            key["available"] = body["min_available_version"]
            key["secrets"] = {v: secret for v, secret in key["secrets"].items() if v >= key["available"]}
        return 204, None

    @staticmethod
    def _crypt(what: str, key: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        bound = base64.b64decode(body.get("associated_data", ""))
        if what == "encrypt":
            nonce, version = os.urandom(12), key["latest"]
            sealed = AESGCM(key["secrets"][version]).encrypt(nonce, base64.b64decode(body["plaintext"]), bound)
            told = f"vault:v{version}:{base64.b64encode(nonce + sealed).decode()}"
            return 200, {"data": {"ciphertext": told, "key_version": version}}
        try:
            _, mark, text = body["ciphertext"].split(":")
            version, sealed = int(mark[1:]), base64.b64decode(text, validate=True)
        except ValueError:
            return 400, {"errors": ["invalid ciphertext: no prefix"]}
        if version < key["least"] or version not in key["secrets"]:
            return 400, {"errors": ["ciphertext or signature version is disallowed by policy (too old)"]}
        try:
            plain = AESGCM(key["secrets"][version]).decrypt(sealed[:12], sealed[12:], bound)
        except (InvalidTag, ValueError):
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}
