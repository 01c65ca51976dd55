"""``lookhear vectors``: which collections there are, and moving and removing them."""

from __future__ import annotations

from typing import Annotated

import typer

from lookhear.cli.main import app

vectors = typer.Typer(name="vectors", help="Vectors that jobs have kept: list, move, drop.", no_args_is_help=True)
app.add_typer(vectors)

At = Annotated[
    str,
    typer.Option(
        "--at", metavar="PLACE", help="A folder of vectors, or a Qdrant server's URL. Default: the service's."
    ),
]


@vectors.command("list")
def list_vectors(
    at: At = "",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Collections with their models, versions and counts, and which are in use."""
    from lookhear.cli.vectors_do import print_vectors

    print_vectors(at, json)


@vectors.command()
def migrate(
    to: Annotated[str, typer.Option("--to", metavar="PLACE", help="A folder of vectors, or a Qdrant server's URL.")],
    source: Annotated[
        str, typer.Option("--from", metavar="PLACE", help="Likewise. Default: QDRANT_URL, else the storage folder.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, and no word but of what fails.")] = False,
) -> None:
    """Copy all collections to a Qdrant server or a folder, check them there, and leave the source as it is.

    An interrupted run is taken up again by the same command. A server's key is read from QDRANT_API_KEY.
    """
    from lookhear.cli.vectors_do import migrate as do

    do(source, to, quiet)


@vectors.command()
def drop(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="As image_embeddings.")],
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="As 1, clip-vit-b-32@1, or a collection's whole name.")
    ],
    at: At = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> None:
    """Remove the vectors of a version that is not in use."""
    from lookhear.cli.vectors_do import drop as do

    do(collection, version, at, yes)
