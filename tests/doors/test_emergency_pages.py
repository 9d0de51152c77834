"""Break-glass in a browser: the same rules as on the command line, behind a fresh proof and our own forms."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_http_sign_in import Browser, serving, signed_in

from bedrail.core.events import GlassBroken
from bedrail.journeys import auditing, breaking_glass, upkeep
from bedrail.stores.outbox import Outbox
from bedside_house import eventually
from reception_house import House, house

REASON = "lead unreachable, wrong risks on ward 4"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """The owner, a clinician and a security officer have accounts."""
    made = house(tmp_path)
    upkeep.add_person(made.app.context, "olivia", "ada", "Ada", ("auditor",))
    for person in ("dr-lee", "sue", "ada"):
        made.join(person)
    yield made
    made.app.close()


def sent(browser: Browser, path: str, **fields: str) -> int:
    """A form of the page; its status."""
    return browser.post(path, **fields, form=browser.get("/account").field("form")).status


def test_the_glass_is_broken_told_used_given_back_and_reviewed_in_a_browser(home: House) -> None:
    """Officers are told in the same moment; another person sees what was done, and says whether it was right."""
    with serving(home) as port:
        lee, sue = (signed_in(Browser(port), home, person) for person in ("dr-lee", "sue"))
        assert "<option>clinical-lead</option>" in lee.get("/emergency").text
        assert sent(lee, "/emergency", role="clinical-lead", reason=REASON) == 303
        assert "You are clinical-lead in an emergency" in lee.get("/emergency").text
        registry = home.app.context.refresh()
        (grant,) = registry.access.grants.values()
        assert (grant.person, grant.role, grant.reason) == ("dr-lee", "clinical-lead", REASON)
        notices = [json.loads(path.read_bytes()) for path in (home.app.home / "outbox").glob("*.json")]
        assert [(each["about"], each["to"]) for each in notices if each["kind"] == "break-glass"] == [
            (grant.grant, ["sue"])
        ]
        (entry,) = home.facts(GlassBroken.__struct_config__.tag)
        assert entry.actor.auth == "password+totp"
        assert sent(lee, "/emergency/end") == 303
        assert "waits for its review" in lee.get("/emergency").text
        assert sent(lee, "/emergency", role="clinical-lead", reason=REASON) == 403
        assert sent(lee, "/emergency/review", grant=grant.grant, verdict="justified") == 403
        assert "Nothing that needed it." in sue.get(f"/emergency/{grant.grant}").text
        assert REASON in sue.get("/emergency").text
        assert sent(sue, "/emergency/review", grant=grant.grant, verdict="justified", remark="drill") == 303
        assert home.app.context.refresh().access.grants[grant.grant].reviewed_by == "sue"
        assert "justified, by sue" in sue.get("/emergency").text


def test_a_pager_that_hangs_holds_up_nobody_and_is_told_all_the_same(home: House) -> None:
    """The notice is on record and in the outbox before the answer; the page and the next person wait for no pager."""
    folder, hangs, heard = home.app.home / "outbox", threading.Event(), list[bytes]()

    def pager(data: bytes) -> bool:
        heard.append(data)
        return hangs.wait(30)

    home.app.context.notices = Outbox(folder, pager)
    with serving(home) as port:
        lee, sue = (signed_in(Browser(port), home, person) for person in ("dr-lee", "sue"))
        assert sent(lee, "/emergency", role="clinical-lead", reason=REASON) == 303
        notices = [json.loads(path.read_bytes()) for path in folder.glob("*.json")]
        assert [each["kind"] for each in notices] == ["break-glass"]
        assert sent(sue, "/emergency", role="clinical-lead", reason=REASON) == 303
        assert REASON in sue.get("/emergency").text
        assert not list(folder.glob("*.sent.json"))
        hangs.set()
        assert eventually(lambda: len(list(folder.glob("*.sent.json"))) == 2)
    assert len(heard) == 2
    assert not list(folder.glob("*.draft"))


def test_what_was_done_is_read_without_walking_the_ledger(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each grant by what the registry and the views know, while the ledger grows behind other people's work."""
    ctx = home.app.context
    home.act_as(home.sign_in("dr-lee"))
    broken = breaking_glass.break_glass(ctx, "dr-lee", "privacy-officer", REASON)
    auditing.search(ctx, "dr-lee", auditing.Query(patient="77881"))
    with serving(home) as port:
        sue = signed_in(Browser(port), home, "sue")
        monkeypatch.setattr(type(ctx.tape), "entries", lambda *_: pytest.fail("the whole ledger is read"))
        shown = sue.get(f"/emergency/{broken.grant}").text
    assert shown.count("data.read") == 1


def test_no_form_of_another_site_no_stale_proof_and_no_auditor_breaks_it(home: House) -> None:
    """A proof older than five minutes leads to giving a new one; nothing is recorded of any of these."""
    with serving(home) as port:
        assert Browser(port).get("/emergency").headers["location"] == "/sign-in"
        lee, ada = (signed_in(Browser(port), home, person) for person in ("dr-lee", "ada"))
        wanted = {"role": "clinical-lead", "reason": REASON}
        assert lee.post("/emergency", **wanted, form="wrong").status == 403
        away = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        form = lee.get("/account").field("form")
        assert lee.post("/emergency", headers=away, **wanted, form=form).status == 403
        assert sent(ada, "/emergency", **wanted) == 403
        assert "take no emergency role" in ada.get("/emergency").text
        assert sent(lee, "/emergency", role="owner", reason=REASON) == 422
        assert sent(lee, "/emergency", role="clinical-lead", reason="short") == 422
        assert lee.get("/emergency/nothing").status == 403
        assert ada.get("/emergency/nothing").status == 404
        home.clock.turn(minutes=6)
        stale = lee.post("/emergency", **wanted, form=lee.get("/account").field("form"))
        assert (stale.status, stale.headers["location"]) == (303, "/account/confirm")
        assert 'href="/emergency"' in lee.get("/account").text, "where a new proof leads, and from there back"
    assert not home.app.context.refresh().access.grants
