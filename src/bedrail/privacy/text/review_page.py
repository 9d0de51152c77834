"""The review as one page of HTML: it loads nothing, sends nothing, and hands its corrections over as a file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

import msgspec

from bedrail.privacy.text.corrections import Picked
from bedrail.privacy.text.review import Shown
from bedrail.privacy.values import LABELS


def review_page(notes: Sequence[Shown], *, picked: Picked, of: int, seed: int) -> str:
    """The whole page. It holds the notes as they came: to be kept and deleted like them.

    The page's policy allows its own script alone, by digest (CSP level 3, section 2.3.1), and no connection at all;
    what stands in a note is never read as markup.
    """
    folder = files("bedrail.privacy.text").joinpath("data")
    code = folder.joinpath("review.js").read_text("utf-8")
    rows = [
        {"id": one.id, "text": one.original, "written": one.written, "spans": one.spans, "risk": one.risk}
        for one in notes
    ]
    data = msgspec.json.encode({"labels": LABELS, "picked": picked, "of": of, "seed": seed, "notes": rows}).decode()
    for sign in "<>&\u2028\u2029":
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    digest = base64.b64encode(sha256(code.encode()).digest()).decode()
    page = folder.joinpath("review.html").read_text("utf-8")
    return page.replace("@@SCRIPT@@", digest).replace("@@CODE@@", code).replace("@@DATA@@", data)
