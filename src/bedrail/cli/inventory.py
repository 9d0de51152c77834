"""sbom: what this installation is made of."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--lock", "locks", type=click.Path(path_type=Path), multiple=True, help="A lock with hashes; repeatable.")
@click.option(
    "--check", is_flag=True, help="Hash every installed file against what was installed; exit 1 if one differs."
)
def sbom(locks: tuple[Path, ...], check: bool) -> None:
    """Print the bill of materials of this installation: CycloneDX 1.6, with versions, licences and the lock's hashes.

    \b
    Example: bedrail sbom --lock requirements/core.lock > sbom.cdx.json
    """
    from bedrail.journeys.handing_over import as_json
    from bedrail.journeys.inventory import altered_files, installed, software_bom
    from bedrail.wiring.clock import SystemClock

    if not check:
        made_at = SystemClock().now().isoformat(timespec="seconds")
        click.echo(as_json(software_bom(installed(locks), made_at=made_at)).decode(), nl=False)
        return
    altered = list(altered_files())
    for line in altered:
        click.echo(f"differs: {line}")
    click.echo(f"{len(altered)} installed files differ from what was installed.")
    click.get_current_context().exit(1 if altered else 0)
