"""deid text: notes in lines of JSON, de-identified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bedrail.cli.deid_options import Running, out_option, run_options

if TYPE_CHECKING:
    from bedrail.privacy.text.transform import Method, Profile
    from bedrail.privacy.text.values import Mode


@click.command()
@click.argument("notes", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@out_option
@click.option("--language", default="en", show_default=True, help="en, es or de.")
@click.option(
    "--method", type=click.Choice(["mask", "generalise", "surrogate"]), default="surrogate", show_default=True
)
@click.option(
    "--mode",
    type=click.Choice(["full", "rules"]),
    default="full",
    show_default=True,
    help="rules is quicker, and misses more.",
)
@click.option(
    "--profile", type=click.Choice(["expert", "safe-harbor", "limited"]), default="expert", show_default=True,
    help="expert shifts dates; safe-harbor leaves their years; limited keeps dates, ages, towns and ZIP codes.",
)  # fmt: skip
@click.option("--keep-weekday", is_flag=True, help="Dates move by whole weeks.")
@click.option("--day-first/--month-first", default=None, help="What 03/04 means where a note does not show it.")
@click.option(
    "--lexicon",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What `deid learn` made of corrections.",
)
@click.option("--keep", multiple=True, metavar="FIELD", help="Pass this field through as it is. You answer for it.")
@click.option("--pseudonymous-ids", is_flag=True, help="Write keyed pseudonyms in the place of the ids.")
@run_options
def text(
    notes: Path,
    out: Path,
    running: Running,
    language: str,
    method: Method,
    mode: Mode,
    profile: Profile,
    keep_weekday: bool,
    day_first: bool | None,
    lexicon: Path | None,
    keep: tuple[str, ...],
    pseudonymous_ids: bool,
) -> int:
    """De-identify notes: lines of {"id", "text"}, with "patient" to tie the notes of one patient together.

    "known" may tell identifiers from the structured record: {"NAME": ["Ann Lee"], "MRN": "1234567"}. Each line out has
    "id", the new "text", and the "spans" that were found, by their places in the text as it came.

    \b
    Example:
      bedrail deid text notes.jsonl --out safe.jsonl --key-file project.key
      bedrail deid text informes.jsonl --out safe.jsonl --language es --method mask
    """
    from bedrail.privacy.sources import Lines
    from bedrail.privacy.streaming import run
    from bedrail.privacy.text.lexicon import key_check, other_key, read_lexicon
    from bedrail.privacy.text.transform import TextRules
    from bedrail.privacy.text.work import PER_NOTE, NoteWork, repeated_ids
    from bedrail.wiring.clock import SystemClock

    rules = TextRules(
        method=method, profile=profile, language=language, keep_weekday=keep_weekday, day_first=day_first,
        newest_year=SystemClock().now().year,
    )  # fmt: skip
    learned = read_lexicon(lexicon.read_bytes(), str(lexicon)) if lexicon is not None else None
    if learned is not None and learned.key != key_check(running.keyed()):
        raise other_key()
    work = NoteWork(running.key().digest, rules, mode, keep, pseudonymous_ids, learned)
    if again := len(repeated_ids(notes)):
        click.echo(f"{again} notes have the id of an earlier one; each is handled for itself, in order.", err=True)
    with running.progress("notes") as told:
        done = run(
            Lines(notes), running.out(out), work, medium="text", profile=work.profile(), told=told, **running.settings()
        )
    shifted = any(each.action == "shifted" for each in done.manifest.handled)
    expected = sum(each.count for each in done.manifest.handled if each.rule == f"in 1/{PER_NOTE}") / PER_NOTE
    more: dict[str, object] = {
        "standard": STANDARDS["shifted" if shifted else profile],
        "notes expected to hold a leak": round(expected, 1),
    }
    return running.report(done, out, more=more)


STANDARDS = {
    "shifted": "dates are shifted: not Safe Harbor; needs an expert determination, 45 CFR 164.514(b)(1)",
    "expert": "needs an expert determination, 45 CFR 164.514(b)(1)",
    "safe-harbor": "rules of Safe Harbor, 45 CFR 164.514(b)(2); what was missed and (ii) are for a person to judge",
    "limited": "a limited data set, 45 CFR 164.514(e): needs a data use agreement",
}
"""Which way out of HIPAA the output can go; none of them by itself."""
