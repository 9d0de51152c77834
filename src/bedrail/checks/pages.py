"""Templates become pages and drawings; everything that comes in is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).resolve().parent / "templates"


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> str:
    """The filled template; a name it asks for and does not get is an error."""
    return _templates().get_template(template).render(**values)


def safe(markup: str) -> object:
    """Marks our own drawing as ready markup; never call it with text from outside."""
    import markupsafe

    return markupsafe.Markup(markup)  # noqa: S704 (only templates rendered above, with autoescape, come through here)
