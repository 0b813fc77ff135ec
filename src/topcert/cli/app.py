"""The commands, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import os
import sys

import typer
from rich.text import Text

from topcert.cli import options
from topcert.cli.certify import certify
from topcert.cli.demo import demo
from topcert.cli.evaluate import evaluate
from topcert.cli.lee_table import lee_table
from topcert.cli.methods import methods
from topcert.cli.plan import plan
from topcert.cli.predict import predict
from topcert.cli.progress import messages
from topcert.cli.radius import radius
from topcert.cli.reproduce import app as reproduce
from topcert.cli.train import train
from topcert.cli.verify import verify
from topcert.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, certify, predict, evaluate, radius, verify, plan, train, methods, lee_table):
    app.command()(command)
app.add_typer(reproduce, name="reproduce")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"topcert {__version__}")
        raise typer.Exit


@app.callback()
def _topcert(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the release."),
    _progress: options.Progress = "auto",
) -> None:
    """Certify top-k predictions against l0 attacks.

    For one input: label l stays among the k you are shown, however an attacker rewrites up to r of its features.
    """


def main() -> None:
    """Run the command; every error is one line on standard error and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        messages.print("stopped")
        sys.exit(130)
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error)
            sys.exit(2)
        _print_error(error)
        if os.environ.get("TOPCERT_TRACEBACK"):
            raise
        sys.exit(2)
    sys.exit(code or 0)


def _print_error(error: Exception) -> None:
    usage = getattr(error, "format_message", None)  # what typer raises for options that do not parse
    if usage is not None:
        text = f"{usage().rstrip('.')}; see topcert --help, or --help after a command"
    elif isinstance(error, (ValueError, OSError, MemoryError)):
        text = str(error) or type(error).__name__
    else:
        text = f"unexpected {type(error).__name__}: {error} (set TOPCERT_TRACEBACK=1 to see where)"
    line = " ".join(text.split())
    messages.print(Text.assemble(("error:", "bold red"), " ", line), soft_wrap=True, highlight=False)
