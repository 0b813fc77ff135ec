"""A second instance of a model, loaded as if for the first time: what the first one remembers, it
does not know.

An ONNX file is read into a session of its own. Code is run again: a person's own modules are taken
out of Python's list of modules for as long as the second instance is in use, so that its imports
start over with no state. Modules of installed packages are not run again (many cannot be), nor is
anything on a disk made afresh: state there is shared by both.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier
from topcert.classifiers.loading import CARRIED, load_classifier
from topcert.files import first_line

FILE: Final = "its file loaded again"
MODULES: Final = "its modules run again"
CALLED: Final = "its function called again, in modules that were not run again"
_PACKAGE: Final = Path(__file__).parents[1]


@final
@dataclass(frozen=True, kw_only=True)
class SecondInstance:
    """A second instance, and how it came about; None where there is none, and why in `how`."""

    classifier: Classifier | None
    how: str


@contextmanager
def second_instance(
    name: str, first: Classifier, *, example: NDArray[np.floating], device: str, output: str | None
) -> Iterator[SecondInstance]:
    """Load the model `name`, of which `first` is an instance, once more; it is to be asked within
    this context.

    `example` holds some ablated inputs that it is tried on, best of which `first` saw none before.
    Nothing is raised where the model cannot be loaded twice: no `classifier` is there then.
    """
    with ExitStack() as stack:
        how = FILE
        if is_code(name):
            how = (
                MODULES
                if _is_own(sys.modules.get(name.rpartition(":")[0])) or ":" not in name
                else CALLED
            )
            if how == MODULES:
                stack.enter_context(modules_anew())
        try:
            made = _load(name, first, example, device, output)
        except ValueError as error:
            if how != MODULES or ":" not in name:
                yield SecondInstance(classifier=None, how=first_line(error))
                return
            stack.close()  # a module that cannot be run twice, say
            how = CALLED
            try:
                made = _load(name, first, example, device, output)
            except ValueError as again:
                yield SecondInstance(classifier=None, how=first_line(again))
                return
        yield SecondInstance(classifier=made, how=how)


def _load(
    name: str, first: Classifier, example: NDArray[np.floating], device: str, output: str | None
) -> Classifier:
    return load_classifier(
        name,
        example=example,
        device=device,
        num_classes=first.num_classes,
        output=first.choice.name if output is None else output,
        refuse_labels=False,
        depth=first.depth,
        torch_options=first.torch_options,
    )


def is_code(name: str) -> bool:
    """Whether a model that a person names is code that runs: anything but an ONNX network."""
    return name not in CARRIED and Path(name).suffix != ".onnx"


@contextmanager
def modules_anew() -> Iterator[None]:
    """Within it, an import of one of a person's own modules runs it again; afterwards the first
    ones are back.
    """
    first = {name: module for name, module in list(sys.modules.items()) if _is_own(module)}
    for name in first:
        del sys.modules[name]
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if _is_own(module):
                del sys.modules[name]
        sys.modules.update(first)


def _is_own(module: Any) -> bool:
    """Whether a module lies in files outside of Python, of installed packages and of this one."""
    if module is None or getattr(module, "__name__", "") == "__main__":
        return False
    try:
        file = getattr(module, "__file__", None)
        places = [file] if file else list(getattr(module, "__path__", ()))
        return bool(places) and not any(
            place.startswith(_installed()) or os.path.realpath(place).startswith(_installed())
            for place in places
        )
    except (AttributeError, TypeError, ValueError, OSError):  # of what only looks like a module
        return False


@cache
def _installed() -> tuple[str, ...]:
    """Folders of installed packages and of Python itself, as they are named and as they are
    found.
    """
    named = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [str(_PACKAGE), *named, *site.getsitepackages(), site.getusersitepackages()]
    return tuple(
        os.path.join(path, "") for folder in folders for path in {folder, os.path.realpath(folder)}
    )
