"""HTML from outside: nothing in it makes the reading break off."""

from __future__ import annotations

import pytest

from bedrail.core.markup import Markup
from bedrail.privacy.fhir.narrative import clean_markup


@pytest.mark.parametrize("section", ["<![octo]>", "<![ 1>", "<![if !IE]>", "<!element>", "<![CDATA[Maria]]>"])
def test_a_section_that_nobody_knows_is_a_comment(section: str) -> None:
    """What stands around it is read, what stands in it is not told."""
    assert clean_markup(f"<div>b {section}<b>c</b></div>", str) == "<div>b c</div>"


def test_a_section_without_an_end_waits_for_more() -> None:
    """As the library's parser does; closing it ends the wait."""
    markup = Markup()
    markup.feed("<p>a <![octo")
    markup.close()
