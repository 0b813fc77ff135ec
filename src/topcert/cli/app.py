"""The command, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import os
import re
import sys
from typing import Final

import typer
from rich.text import Text

from topcert.api.python_words import option_words
from topcert.cli import options
from topcert.cli.help import usage_in_words
from topcert.cli.machine import choose_json
from topcert.cli.plugged_commands import Root
from topcert.cli.progress import messages
from topcert.files import printable
from topcert.noise.registered_laws import all_noises
from topcert.version import __version__

app = typer.Typer(
    name="topcert",
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"topcert {__version__}")
        raise typer.Exit


@app.callback()
def _topcert(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the release."
    ),
    _progress: options.Progress = "auto",
) -> None:
    """Certify top-k predictions against l0 attacks.

    For one input: label l stays among the k you are shown, however an attacker rewrites up to r of
    its features.
    """


def main() -> None:
    """Run the command; every error is one line on standard error and exit code 2."""
    choose_json(False)  # of an earlier command in this process
    try:
        with option_words():
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


def _fix(usage: str) -> str:
    """What to write instead, where several numbers were given with spaces between them."""
    extra = re.search(r"unexpected extra argument(?:s|\(s\))? \(([\d ]+)\)", usage)
    given = [place for place, word in enumerate(sys.argv) if re.fullmatch(r"--[a-z-]+", word)]
    for place in given:
        numbers = [word for word in sys.argv[place + 1 : place + 8] if word]
        count = next(
            (count for count, word in enumerate(numbers) if not word.isdecimal()), len(numbers)
        )
        if extra and count > 1 and numbers[1:count] == extra[1].split()[: count - 1]:
            return (
                f"give several numbers with commas: {sys.argv[place]} {','.join(numbers[:count])}; "
            )
    return ""


# What the functions of the package call what a person gives as an option; fields of laws of noise
# have theirs.
_OPTIONS: Final = {
    "num_features": "--features",
    "num_values": "--values",
    "max_radius": "--max-radius",
}


def as_options(text: str) -> str:
    """A message about a number by the name of its option, where the number is what the message is
    about.
    """
    fields = {
        name: asked.flag for law in all_noises().values() for name, asked in law.options().items()
    }
    options = {**fields, **_OPTIONS}
    if re.match(rf"({'|'.join(options)}) (must|is for) ", text) is None:
        return text
    return re.sub(rf"\b({'|'.join(options)})\b", lambda found: options[found[0]], text)


def _print_error(error: Exception) -> None:
    # what typer raises for options that do not parse
    usage = getattr(error, "format_message", None)
    if usage is not None:
        text = (
            f"{usage_in_words(usage().rstrip('.'), sys.argv)}; {_fix(usage())}see topcert --help,"
            " or --help after a command"
        )
    elif isinstance(error, (ValueError, OSError, MemoryError)):
        text = as_options(str(error) or type(error).__name__)
    else:
        text = f"unexpected {type(error).__name__}: {error} (set TOPCERT_TRACEBACK=1 to see where)"
    line = printable(" ".join(text.split()))
    messages.print(
        Text.assemble(("error:", "bold red"), " ", line), soft_wrap=True, highlight=False
    )
