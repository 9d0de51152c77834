"""Notices leave the house: a file always, and a POST where an address is set; failing to tell never stops the act."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from msgspec import json, structs

from bedrail.core.ports import Notice
from bedrail.stores.outbox import Outbox
from bedrail.wire.webhook import post

NOTICE = Notice(
    notice="01N", kind="break-glass", about="01G", to=("priya",), words="dr-lee took a role", at="2026-01-01"
)


class Pager:
    """A real HTTP server that keeps what it is sent and answers as told."""

    def __init__(self, status: int) -> None:
        self.heard: list[bytes] = []
        pager = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                pager.heard.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}/page"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(params=[204, 500])
def pager(request: pytest.FixtureRequest) -> Iterator[tuple[Pager, int]]:
    """One that takes it, and one that does not."""
    made = Pager(request.param)
    yield made, request.param
    made.close()


def test_a_notice_is_a_private_file_and_a_post(pager: tuple[Pager, int], tmp_path: Path) -> None:
    """The file says whether it was carried; others cannot list the folder."""
    server, status = pager
    carried = Outbox(tmp_path / "outbox", partial(post, server.url)).give(NOTICE)
    assert carried == (status == 204)
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.name == ("01N.sent.json" if carried else "01N.json")
    assert json.decode(file.read_bytes()) == json.decode(server.heard[0])
    assert json.decode(file.read_bytes())["to"] == ["priya"]
    assert stat.S_IMODE((tmp_path / "outbox").stat().st_mode) == 0o700


def test_nobody_listening_or_no_room_stops_nothing(tmp_path: Path) -> None:
    """A dead address leaves the file; a folder that cannot be made leaves the fact in the ledger alone."""
    assert not Outbox(tmp_path / "a", partial(post, "http://127.0.0.1:9/")).give(NOTICE)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["01N.json"]
    (tmp_path / "file").write_text("in the way")
    assert not Outbox(tmp_path / "file" / "outbox").give(NOTICE)


def test_what_was_drafted_is_told_once_the_ledger_tells_of_it(tmp_path: Path) -> None:
    """A process that ended between draft, fact and notice loses none; a draft without its fact goes after an hour."""
    folder, now = tmp_path / "outbox", datetime.now(UTC)
    ended = Outbox(folder)
    ended.draft(NOTICE)
    ended.draft(structs.replace(NOTICE, notice="02N"))
    assert [path.name for path in sorted(folder.glob("*.json"))] == []
    heard: list[bytes] = []
    later = Outbox(folder, lambda data: not heard.append(data))  # type: ignore[func-returns-value]
    assert later.settle({"01N"}, now) == 1
    assert json.decode(heard[0], type=Notice) == NOTICE
    assert sorted(path.name for path in folder.iterdir()) == ["01N.sent.json", "02N.draft"]
    assert later.settle({"01N"}, now + timedelta(hours=2)) == 0
    assert [path.name for path in folder.iterdir()] == ["01N.sent.json"]


def test_what_a_pager_did_not_take_is_tried_again_for_a_day(tmp_path: Path) -> None:
    """Until it takes it; a few that fail end the round, so that a pager which is out costs few tries."""
    folder, now, tried = tmp_path / "outbox", datetime.now(UTC), []
    out = Outbox(folder, lambda data: bool(tried.append(data)))  # type: ignore[func-returns-value]
    for name in ("01N", "02N", "03N"):
        assert not out.give(structs.replace(NOTICE, notice=name))
    assert len(tried) == 3
    assert out.settle((), now) == 0
    assert len(tried) == 6
    for path in folder.glob("*.json"):
        os.utime(path, (now.timestamp() - 23 * 3600,) * 2)
    assert out.settle((), now) == 0
    back = Outbox(folder, lambda _: True)
    assert back.settle((), now + timedelta(hours=2)) == 0, "trying again does not make a notice younger"
    assert back.settle((), now + timedelta(days=2)) == 0, "nobody is woken by what is long past"
    assert back.settle((), now) == 3
    some = Outbox(folder, lambda data: b"05N" not in data)
    for name in ("05N", "06N"):
        out.give(structs.replace(NOTICE, notice=name))
    assert some.settle((), now) == 1, "one that the pager refuses holds up no other"
    (folder / "05N.json").unlink()
    (folder / "06N.sent.json").unlink()
    (folder / "04N.json").write_bytes(b"{")
    assert back.settle((), now) == 0
    assert sorted(path.name for path in folder.glob("*.sent.json")) == [f"0{n}N.sent.json" for n in (1, 2, 3)]


def test_a_notice_is_posted_once_by_however_many(tmp_path: Path) -> None:
    """Whoever gives it and all who settle at the same moment, in this process and in others: one attempt at a time."""
    folder, now, heard = tmp_path / "outbox", datetime.now(UTC), tmp_path / "heard"
    started, answer = threading.Event(), threading.Event()

    def slowly(data: bytes) -> bool:
        with heard.open("ab") as file:
            file.write(data + b"\n")
        started.set()
        return answer.wait(20)

    acting, others = Outbox(folder, slowly), [Outbox(folder, slowly) for _ in range(3)]
    acting.draft(NOTICE)
    carried: list[bool] = []
    giving = threading.Thread(target=lambda: carried.append(acting.give(NOTICE)))
    giving.start()
    assert started.wait(20)
    assert [each.settle({"01N"}, now) for each in others] == [0, 0, 0], "none waits, and none posts"
    program = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from bedrail.stores.outbox import Outbox\n"
        "heard = Path(sys.argv[2]).open('ab')\n"
        "out = Outbox(Path(sys.argv[1]), lambda data: bool(heard.write(data + b'\\n')))\n"
        "print(out.settle({'01N'}, datetime.now(UTC)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(heard)], capture_output=True, check=True, text=True
    )
    assert ran.stdout.strip() == "0", "nor does another process"
    answer.set()
    giving.join()
    assert carried == [True]
    assert [each.settle({"01N"}, now) for each in (*others, acting)] == [0] * 4
    assert len(heard.read_bytes().splitlines()) == 1
    assert [path.name for path in folder.iterdir()] == ["01N.sent.json"]


@pytest.mark.parametrize("reached", ["draft", "sent", "fetched"])
def test_whoever_gives_a_notice_that_another_took_first_posts_no_second(tmp_path: Path, reached: str) -> None:
    """A watch settles between the fact and the giving: its post is the giver's. What only a mailer has is posted too,
    for where the draft is gone nobody can tell that from one that was dropped."""
    folder, now, heard = tmp_path / "outbox", datetime.now(UTC), list[bytes]()
    acting = Outbox(folder, lambda data: not heard.append(data))  # type: ignore[func-returns-value]
    acting.draft(NOTICE)
    if reached != "draft":
        Outbox(folder, None if reached == "fetched" else acting._carry).settle({"01N"}, now)
    if reached == "fetched":
        (folder / "01N.json").unlink()
    assert acting.give(NOTICE)
    assert acting.give(NOTICE), "nor when it is given again"
    assert len(heard) == 1
    assert acting.settle({"01N"}, now) == 0
    acting.keep(structs.replace(NOTICE, notice="02N"))
    assert acting.settle(frozenset(), now) == 1


def test_a_notice_that_is_kept_and_then_given_is_posted_once(tmp_path: Path) -> None:
    """As the emergency page does: by whoever settles meanwhile, or by the giver, who waits; never both, never anew."""
    folder, now, heard = tmp_path / "outbox", datetime.now(UTC), list[bytes]()
    started, answer = threading.Event(), threading.Event()

    def slowly(data: bytes) -> bool:
        heard.append(data)
        started.set()
        return answer.wait(20)

    acting, settling, carried = Outbox(folder, slowly), Outbox(folder, slowly), list[bool]()
    acting.draft(NOTICE)
    acting.keep(NOTICE)
    threads = [threading.Thread(target=lambda: settling.settle({"01N"}, now))]
    threads[0].start()
    assert started.wait(20)
    threads.append(threading.Thread(target=lambda: carried.append(acting.give(NOTICE))))
    threads[1].start()
    threads[1].join(0.2)
    assert (len(heard), carried) == (1, []), "the giver waits while another is at it"
    answer.set()
    for thread in threads:
        thread.join()
    assert (len(heard), carried) == (1, [True])
    assert [path.name for path in folder.iterdir()] == ["01N.sent.json"]
    for name, settler in (("02N", None), ("03N", slowly)):
        told = structs.replace(NOTICE, notice=name)
        acting.draft(told)
        acting.keep(told)
        assert Outbox(folder, settler).settle({name}, now) == (settler is not None)
        assert acting.give(told)
        fetched = folder / f"{name}.sent.json"
        fetched.unlink()
        acting.give(told)
        acting.keep(told)
        assert not fetched.exists(), "a mailer that fetched it finds no second"
    assert len(heard) == 3


@pytest.mark.parametrize("kept", [True, False])
def test_a_notice_whose_draft_was_dropped_is_told_all_the_same(tmp_path: Path, kept: bool) -> None:
    """A machine that slept between draft and fact, or whose clock was set: the fact says that people were told."""
    folder, heard = tmp_path / "outbox", list[bytes]()
    acting = Outbox(folder, lambda data: not heard.append(data))  # type: ignore[func-returns-value]
    acting.draft(NOTICE)
    assert Outbox(folder).settle((), datetime.now(UTC) + timedelta(hours=2)) == 0
    assert list(folder.iterdir()) == []
    if kept:
        acting.keep(NOTICE)
        assert [path.name for path in folder.iterdir()] == ["01N.json"]
    assert acting.give(NOTICE)
    assert [json.decode(each, type=Notice) for each in heard] == [NOTICE]
    assert [path.name for path in folder.iterdir()] == ["01N.sent.json"]


ODD = ("http://pager.example/", "ftp://127.0.0.1/", "http://", "::", "http://[::1", "http://127.0.0.1:x/")


@pytest.mark.parametrize("url", ODD)
def test_addresses_without_encryption_or_sense_are_not_asked(url: str) -> None:
    """Names of people leave this machine encrypted or not at all."""
    assert not post(url, b"{}")
