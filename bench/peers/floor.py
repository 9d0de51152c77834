"""The floor: plain ASGI, the body decoded, one row inserted and committed durably, a reply like ours: FOLDER PORT.

Governs nothing, predicts nothing, explains nothing. Nobody who records before answering, in Python and SQLite, takes
less.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

Message = MutableMapping[str, Any]

folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
database = sqlite3.connect(folder / "floor.db", isolation_level=None)
database.execute("PRAGMA journal_mode = WAL").fetchall()
database.execute("PRAGMA synchronous = FULL")
database.execute("PRAGMA wal_autocheckpoint = 8000").fetchall()
database.execute("CREATE TABLE kept (seq INTEGER PRIMARY KEY, body BLOB)")
REPLY = msgspec.json.encode({"kept": "x" * 1500})
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(REPLY)).encode())]}


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Keep, then answer."""
    body = (await receive()).get("body", b"")
    if body:
        msgspec.json.decode(body)
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO kept (body) VALUES (?)", (body * 3,))
        database.execute("COMMIT")
    await send(START)
    await send({"type": "http.response.body", "body": REPLY})


uvicorn.run(
    app,
    port=int(sys.argv[2]),
    loop="uvloop",
    http="httptools",
    lifespan="off",
    access_log=False,
    log_level="warning",
)
