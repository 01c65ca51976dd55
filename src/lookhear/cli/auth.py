"""``lookhear auth``: keys and tokens for the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookhear.cli.main import app

auth = typer.Typer(name="auth", help="Keys and tokens of the service.", no_args_is_help=True)
app.add_typer(auth)


@auth.command()
def keygen(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to write to.")] = Path("."),
) -> None:
    """Make a pair of ES256 keys: tokens are signed with the private one, the service checks them with the public one."""
    from lookhear.serve.http.keys import make_pair

    private, public = make_pair(out)
    typer.echo(f"Wrote {private} (keep it to yourself) and {public}.")
    typer.echo(f"The service: PUBLIC_KEY_PATH={public} lookhear serve")
    typer.echo(f"A token:     lookhear auth token --key {private} --sub NAME --permission ai_inference_support")


@auth.command()
def token(
    key: Annotated[Path, typer.Option("--key", "-k", metavar="PEM", help="The private key.")],
    sub: Annotated[str, typer.Option("--sub", help="Whom it is for.")],
    permission: Annotated[
        list[str] | None, typer.Option("--permission", help="What it permits, as ai_inference_support. Repeatable.")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Everything is permitted.")] = False,
    hours: Annotated[float, typer.Option(min=0.01, max=87_660, help="How long it is good for.")] = 24.0,
) -> None:
    """Print a token; it is sent as 'Authorization: Bearer …'."""
    from lookhear.serve.http.keys import read_private, sign

    typer.echo(sign(read_private(key), sub, permission or [], admin, hours))
