"""``lookhear models``: which models there are, and getting, checking, keeping and switching them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookhear.cli.main import app

models = typer.Typer(name="models", help="Models: list, get, check, switch.", no_args_is_help=True)
app.add_typer(models)

Names = Annotated[list[str], typer.Argument(metavar="MODEL…", help="Names, or NAME@VERSION.")]
Commercial = Annotated[bool, typer.Option("--commercial-only", help="Only those that may be used commercially.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")]


@models.command("list")
def list_models(
    role: Annotated[str | None, typer.Option("--for", help="Only those for this: faces, objects, …")] = None,
    installed: Annotated[bool, typer.Option("--installed", help="Only those that are here.")] = False,
    commercial_only: Commercial = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What there is for each task, what is installed, and what is used."""
    from lookhear.cli.models_show import print_models

    print_models(role, installed, commercial_only, json)


@models.command()
def pull(
    names: Names,
    force: Annotated[bool, typer.Option("--force", help="Get them afresh, even if they are here.")] = False,
    commercial_only: Commercial = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, however large it is.")] = False,
    quiet: Quiet = False,
) -> None:
    """Get models and make them active. Says first how much it is; an interrupted run is taken up again."""
    from lookhear.cli.models_do import pull as do

    do(names, force, commercial_only, yes, quiet)


@models.command()
def verify(names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL…]")] = None) -> None:
    """Are all files of the installed models, byte for byte, what was installed?"""
    from lookhear.cli.models_do import verify as do

    raise typer.Exit(do(names or []))


@models.command()
def check(names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL…]")] = None) -> None:
    """Do the installed models still answer as they did, whatever runs them now? (Golden outputs.)"""
    from lookhear.cli.models_do import check as do

    raise typer.Exit(do(names or []))


@models.command()
def bundle(
    names: Names,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("models.tar"),
    quiet: Quiet = False,
) -> None:
    """Installed models in one file, to carry to a machine without a network."""
    from lookhear.cli.models_do import bundle as do

    do(names, out, quiet)


@models.command("import")
def import_model(
    path: Annotated[Path, typer.Argument(help="A bundle, an ONNX file, or a folder with a model.")],
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    version: Annotated[str, typer.Option(help="Its version.")] = "1",
    family: Annotated[str | None, typer.Option(help="Which code reads its output: see 'models families'.")] = None,
    labels: Annotated[Path | None, typer.Option(help="A file with a label per line.")] = None,
    licence: Annotated[str, typer.Option(help="Under what terms it may be used.")] = "unknown",
    commercial: Annotated[bool | None, typer.Option("--commercial/--no-commercial", help="Commercially, too?")] = None,
) -> None:
    """Install a model from a file; known ones are recognised by their checksum."""
    from lookhear.cli.models_do import import_model as do

    do(path, name, version, family, labels, licence, commercial)


@models.command()
def activate(names: Names) -> None:
    """Use these from now on: this version of each, and this model for its task."""
    from lookhear.cli.models_do import activate as do

    do(names)


@models.command()
def rollback(names: Names) -> None:
    """Go back to the version that was active before."""
    from lookhear.cli.models_do import rollback as do

    do(names)


@models.command()
def remove(names: Names) -> None:
    """Delete installed models."""
    from lookhear.cli.models_do import remove as do

    do(names)


@models.command()
def families() -> None:
    """The kinds of models that can be imported, with the tensors they must have."""
    from lookhear.cli.models_show import print_families

    print_families()
