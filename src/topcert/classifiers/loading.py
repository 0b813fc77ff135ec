"""From what a person names on the command line to a classifier.

Naming a `module:function` or a joblib file runs the code in it; nothing here is ever called with a
name that came out of a certificate's folder.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier, check_device
from topcert.classifiers.named_labels import numbered
from topcert.classifiers.shown_rows import shown_rows
from topcert.classifiers.torch_options import TorchOptions, only_modules
from topcert.classifiers.trial import check_ballot, check_trial, try_model
from topcert.datasets.cifar10 import CLASS_NAMES  # of all networks that are carried
from topcert.theory.scalars import kind_in_words

CARRIED: Final = {  # networks inside the package, in topcert/models
    "compact": "compact.onnx",
    "lattice": "lattice.onnx",
    "lattice-mirrored": "lattice.onnx",
}
PICKLED: Final = (".joblib", ".pkl", ".pickle")
MIRRORED: Final = {"lattice-mirrored": 32}  # asked about the mirror image too: width of its images


def load_classifier(
    name: str,
    *,
    example: NDArray[np.floating],
    device: str = "auto",
    num_classes: int | None = None,
    output: str | None = None,
    refuse_labels: bool = True,
    depth: int = 1,
    torch_options: TorchOptions | None = None,
) -> Classifier:
    """The classifier that `name` means: a carried network, an .onnx or joblib file, or
    `module:function`.

    `example` holds some ablated inputs `(rows, ...)`, on which the model is tried; `num_classes` is
    needed only where it gives labels, `output` only where it gives several things and which is the
    answer is in doubt. Its ballots name `depth` labels. `torch_options` are for torch modules
    alone, None where nobody named any. Raises ValueError where there is no such model, it does not
    load, it or `torch_options` do not fit, `depth` is none of 1 .. classes - 1, or it has no answer
    to any of `example` (with `refuse_labels`: or a label out of range).
    """
    made = _load(name, example, device, num_classes, output, depth, torch_options)
    made.refuse_labels = refuse_labels
    check_ballot(depth, made.num_classes)
    check_trial(made, example)
    return made


def _load(
    name: str,
    example: NDArray[np.floating],
    device: str,
    num_classes: int | None,
    output: str | None,
    depth: int,
    torch_options: TorchOptions | None,
) -> Classifier:
    path = Path(name)
    if name in CARRIED or path.suffix in (".onnx", *PICKLED):
        only_modules(torch_options, name)
    if name in CARRIED:
        made = _onnx(carried_path(name), example, device, num_classes, output, depth)
        made.class_names = CLASS_NAMES
        if name not in MIRRORED:
            return made
        from topcert.classifiers.mirrored import Mirrored, stride_between

        width = MIRRORED[name]
        stride = stride_between(width=width, shown=example.shape[-1])
        return Mirrored(made, width=width, stride=stride)
    if path.suffix == ".onnx":
        return _onnx(path, example, device, num_classes, output, depth)
    if path.suffix in PICKLED:
        return _joblib(path, example, device, output, depth)
    module, colon, attribute = name.rpartition(":")
    if colon and attribute.isidentifier():
        _check_module(module, attribute)
        return _function(
            module, attribute, example, device, num_classes, output, depth, torch_options
        )
    named = f" (of {name} a function: {path.stem}:FUNCTION)" if path.suffix == ".py" else ""
    raise ValueError(
        f"unknown model {name!r}; give {', '.join(CARRIED)}, an .onnx file, a .joblib file or"
        f" module:function{named}"
    )


def _check_module(module: str, attribute: str) -> None:
    """Refuse a path where a module must be named; it would be imported as something else, or not at
    all.
    """
    if (
        module
        and all(part.isidentifier() for part in module.split("."))
        and not module.endswith(".py")
    ):
        return
    folder, _, file = module.replace("\\", "/").rpartition("/")
    stem = file.removesuffix(".py").strip(".")
    if not stem.isidentifier():
        raise ValueError(
            f"{module!r} is no module that Python can import; give module:function, such as"
            " mymodel:make"
        )
    where = f"go to {folder} and " if folder not in ("", ".") else ""
    raise ValueError(
        f"{module!r} is a file, and a model is named as Python imports it: {where}give"
        f" {stem}:{attribute}, or put its folder on PYTHONPATH"
    )


def carried_path(name: str) -> Path:
    """Where the file of a carried network lies."""
    return Path(str(files("topcert.models").joinpath(CARRIED[name])))


def _onnx(
    path: Path,
    example: NDArray[np.floating],
    device: str,
    num_classes: int | None,
    output: str | None,
    depth: int,
) -> Classifier:
    from topcert.classifiers.onnx import OnnxClassifier  # imported where it is used

    return OnnxClassifier(
        path, example=example, device=device, num_classes=num_classes, output=output, depth=depth
    )


def _joblib(
    path: Path, example: NDArray[np.floating], device: str, output: str | None, depth: int
) -> Classifier:
    import joblib

    from topcert.classifiers.sklearn_estimator import SklearnClassifier

    if not path.is_file():
        raise ValueError(f"{path} does not exist")
    try:
        estimator = joblib.load(path)
    except (Exception, SystemExit) as error:  # unpickling can raise anything
        raise ValueError(
            f"{path} does not load with joblib: {type(error).__name__}: {error}"
        ) from error
    _only_cpu(device, estimator)
    _only_output(output, estimator)
    fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()
    return SklearnClassifier(
        estimator, fingerprint=fingerprint, depth=depth, show=shown_rows(example)
    )


def _function(
    module_name: str,
    attribute: str,
    example: NDArray[np.floating],
    device: str,
    num_classes: int | None,
    output: str | None,
    depth: int,
    torch_options: TorchOptions | None,
) -> Classifier:
    # as `python -m` does: a person's own file lies where they stand
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a person's module can raise anything
        raise ValueError(f"cannot import {module_name}: {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        public = [
            name
            for name, value in vars(module).items()
            if callable(value) and not name.startswith("_")
        ]
        raise ValueError(
            f"{module_name} has no {attribute}; it has"
            f" {', '.join(sorted(public)[:8]) or 'no function'}"
        )
    try:
        model = getattr(module, attribute)()
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"{module_name}:{attribute}() failed: {type(error).__name__}: {error}; "
            "it must take no arguments and return a torch module or a callable"
        ) from error
    source = getattr(module, "__file__", None)  # a built-in module has none
    fingerprint = (
        hashlib.sha256(Path(source).read_bytes() + f":{attribute}".encode()).hexdigest()
        if source
        else ""
    )
    return _wrap(model, example, device, num_classes, output, depth, fingerprint, torch_options)


def wrap(
    model: Any,
    *,
    example: NDArray[np.floating],
    device: str = "auto",
    num_classes: int | None = None,
    output: str | None = None,
    depth: int = 1,
    fingerprint: str = "",
    refuse_labels: bool = True,
    torch_options: TorchOptions | None = None,
) -> Classifier:
    """A classifier from a torch module, a fitted scikit-learn estimator or a callable.

    `example` holds some ablated inputs `(rows, ...)`, on which the model is tried; `num_classes` is
    needed only where it gives labels, `output` only where it gives several things and which is the
    answer is in doubt. Its ballots name `depth` labels. `fingerprint` goes into that of the
    classifier, `refuse_labels` is its own, `torch_options` are for a torch module. Raises
    ValueError where the model is none of the three, has no answer to any of `example` or (with
    `refuse_labels`) a label out of range, has no use for `device` or `torch_options`, or `depth` is
    none of 1 .. classes - 1.
    """
    made = _wrap(model, example, device, num_classes, output, depth, fingerprint, torch_options)
    made.refuse_labels = refuse_labels
    check_ballot(depth, made.num_classes)
    check_trial(made, example)
    return made


def _wrap(
    model: Any,
    example: NDArray[np.floating],
    device: str,
    num_classes: int | None,
    output: str | None,
    depth: int,
    fingerprint: str,
    torch_options: TorchOptions | None,
) -> Classifier:
    """The fingerprint of a module or an estimator covers its weights and the one that is given, a
    callable gets that.
    """
    if isinstance(model, type):
        raise ValueError(
            f"the model is the class {model.__name__}, not one of its objects: give"
            f" {model.__name__}()"
        )
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        from topcert.classifiers.torch_module import TorchClassifier

        made = TorchClassifier(
            model,
            example=example,
            device=device,
            num_classes=num_classes,
            output=output,
            depth=depth,
            options=torch_options,
        )
        if fingerprint:  # weights do not say what forward does with them
            made.fingerprint = hashlib.sha256(
                f"{fingerprint}{made.fingerprint}".encode()
            ).hexdigest()
        return made
    only_modules(torch_options, kind_in_words(model))
    if hasattr(model, "predict") and hasattr(model, "classes_"):
        from topcert.classifiers.sklearn_estimator import SklearnClassifier

        _only_cpu(device, model)
        _only_output(output, model)
        if fingerprint:  # a source does not say what was fitted
            import joblib

            fingerprint = hashlib.sha256(f"{fingerprint}{joblib.hash(model)}".encode()).hexdigest()
        return SklearnClassifier(
            model, fingerprint=fingerprint, depth=depth, show=shown_rows(example)
        )
    if not callable(model):
        raise ValueError(
            f"the model is {kind_in_words(model)}, not a torch module, a fitted estimator or a"
            " callable"
        )
    _only_cpu(device, model)
    from topcert.classifiers.functions import FunctionClassifier

    show, ask = shown_rows(example), numbered(model)
    tried = try_model(
        lambda batch: ask(show(batch)),
        example,
        model=model,
        output=output,
        num_classes=num_classes,
        depth=depth,
    )
    return FunctionClassifier(
        model,
        num_classes=tried.num_classes,
        fingerprint=fingerprint,
        choice=tried.choice,
        depth=depth,
        show=show,
    )


def _only_cpu(device: str, model: Any) -> None:
    check_device(device)
    if device.startswith("cuda"):
        raise ValueError(
            f"--device {device} is for torch modules and ONNX networks, and {type(model).__name__}"
            " is none"
        )


def _only_output(output: str | None, model: Any) -> None:
    if output is not None:
        raise ValueError(
            f"--output is for networks and functions, and {type(model).__name__} predicts; leave"
            " --output out"
        )
