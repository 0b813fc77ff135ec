"""The `topcert` command: parse, call, print."""

import typer

from topcert.cli.train import train

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(train)
app.callback()(lambda: None)


def main() -> None:
    app()
