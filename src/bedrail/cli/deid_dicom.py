"""deid dicom, deid dicom-audit: DICOM files by PS3.15 Annex E, and what is left in outputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bedrail.cli.deid_options import SHOWN_FAILURES, Running, out_option, run_options
from bedrail.cli.doors import json_option, show_json, show_table

if TYPE_CHECKING:
    from bedrail.privacy.dicom.folder import DicomFiles
    from bedrail.privacy.dicom.values import Pixels, Profile

_FLAGS = {
    "retain_safe_private": "Keep private attributes that the standard lists as safe.",
    "retain_uids": "Keep UIDs as they are.",
    "retain_device_id": "Keep what names the device: station, serial numbers.",
    "retain_institution_id": "Keep what names the institution.",
    "retain_patient_characteristics": "Keep sex, age (90 and over as 90), size, weight and the like.",
    "retain_full_dates": "Keep dates and times as they are.",
    "retain_modified_dates": "Keep dates, moved by the patient's own offset; intervals stay.",
    "clean_descriptors": "Keep descriptions and comments, with what identifies masked.",
    "clean_structured_content": "Keep the content of structured reports, with what identifies masked.",
    "clean_graphics": "Keep overlays and graphic annotations without text.",
}


def profile_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of Annex E, as one argument `profile`."""

    @wraps(command)
    def with_profile(*args: Any, **given: Any) -> int:
        from bedrail.privacy.dicom.values import Profile

        given.pop("profile_name")
        chosen = {name: given.pop(name) for name in _FLAGS}
        made = Profile(**chosen, language=given.pop("language", "en"))
        return command(*args, profile=made, **given)

    for name, said in reversed(_FLAGS.items()):
        with_profile = click.option(f"--{name.replace('_', '-')}", name, is_flag=True, help=said)(with_profile)
    return click.option(
        "--profile", "profile_name", type=click.Choice(["basic"]), default="basic", show_default=True,
        help="The Basic Application Level Confidentiality Profile; options add to it.",
    )(with_profile)  # fmt: skip


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@out_option
@profile_options
@click.option(
    "--pixels", type=click.Choice(["auto", "never", "always", "remove"]), default="auto", show_default=True,
    help="Text in pixels: look in kinds of images known to hold some, never, everywhere; or blacken those kinds.",
)  # fmt: skip
@click.option("--language", default="en", show_default=True, help="Of the text inside: en, es or de.")
@click.option("--show-names", is_flag=True, help="Name files that fail or are left out; names may name patients.")
@run_options
def dicom(source: Path, out: Path, profile: Profile, pixels: Pixels, show_names: bool, running: Running) -> int:
    """De-identify DICOM: a folder with all below it into a new folder, or one file IN.dcm into OUT.dcm.

    By PS3.15 Annex E. Each file out is named and filed by new UIDs, read again and audited before it counts as done.
    Files are recognised by content; others are left out, and told, and so is where a file is cut off. One that cannot
    be read stops the run, or is left out with --on-error skip. Files are told by number, as in
    `find . -type f | LC_ALL=C sort`.

    \b
    Example:
      bedrail deid dicom scans/ --out safe/ --key-file project.key --retain-modified-dates
      bedrail deid dicom one.dcm --out safe.dcm --pixels remove
    """
    import msgspec

    from bedrail.privacy.dicom.folder import DicomFiles, DicomWork, OneInstance
    from bedrail.privacy.streaming import run
    from bedrail.privacy.text.packs import pack

    pack(profile.language)  # an unknown language is said so before anything is read
    profile = msgspec.structs.replace(profile, pixels=pixels)
    folder = DicomFiles(source, named=show_names) if source.is_dir() else None
    copies = folder.found_twice() if folder is not None else {}
    work = DicomWork(running.key().digest, profile, copies)
    with running.progress("files") as told:
        done = run(
            folder or OneInstance(source), running.out(out), work, medium="dicom", profile=work.profile(), told=told,
            **running.settings(),
        )  # fmt: skip
    more: dict[str, object] = {}
    if folder is not None:
        more["left_out"] = len(folder.others)
        if folder.others and running.as_json:
            more["files_left_out"] = folder.others
        elif folder.others:
            _tell_others(folder)
        if folder.others and show_names:
            more["names_left_out"] = [folder.name_of(number) for number in folder.others]
    return running.report(done, out, more=more)


def _tell_others(folder: DicomFiles) -> None:
    """Which files of the folder are no DICOM."""
    for number in folder.others[:SHOWN_FAILURES]:
        click.echo(f"  {folder.place(number)}: this is no DICOM; left out.", err=True)
    if len(folder.others) > SHOWN_FAILURES:
        click.echo(f"  and {len(folder.others) - SHOWN_FAILURES} more (--json lists them)", err=True)


@click.command("dicom-audit")
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@profile_options
@click.option(
    "--originals", type=click.Path(path_type=Path, exists=True), help="Search for what these files hold, in all bytes."
)
@json_option
def dicom_audit(folder: Path, profile: Profile, originals: Path | None, as_json: bool) -> int:
    """Audit de-identified DICOM: every attribute against Table E.1-1, under the options it was made with.

    With --originals, the names, numbers and UIDs in them are searched for in all bytes, pixels too. Exit code 1 when
    anything is left. Files are told by number in `find . -type f | sort`.

    \b
    Example: bedrail deid dicom-audit safe/ --retain-modified-dates --originals scans/
    """
    from bedrail.privacy.dicom.review import audit_folder

    found = audit_folder(folder, profile, originals)
    rows = [(str(each.number), each.place, each.problem) for each in found.leftovers]
    if as_json:
        show_json({"files": found.files, "leftovers": [{"file": n, "place": p, "problem": t} for n, p, t in rows]})
    else:
        if rows:
            show_table("", ("File", "Where", "What"), rows)
        click.echo(f"{found.files:,} files, {len(rows):,} leftovers.")
    return 1 if rows else 0
