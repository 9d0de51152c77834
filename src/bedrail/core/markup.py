"""HTML as it comes from outside: the library's parser, but no text makes it break off."""

from __future__ import annotations

from html.parser import HTMLParser


class Markup(HTMLParser):
    """As `html.parser.HTMLParser`; a marked section of an unknown kind (`<![x]>`) is a comment, as HTML 5 has it.

    Older Pythons raise AssertionError there, with a part of the text in its message.
    """

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """The place behind the section that begins at `i`, or -1 where its end has not come yet."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)
