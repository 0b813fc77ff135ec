"""What is said of a run, in words: the same in prints, pictures and objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from topcert.datasets.built_in_sets import BUILT_IN
from topcert.datasets.data_in_memory import IN_MEMORY
from topcert.datasets.imagenet import INPUT_IN_WORDS
from topcert.datasets.npz import ARRAY_FILES
from topcert.datasets.recorded_raw import recorded_raw
from topcert.methods.certificate_table import CertificateTable
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_method
from topcert.modalities.raw_input import RawInput
from topcert.modalities.registered_modalities import count_in_words, plural_of
from topcert.noise.law import IID
from topcert.theory.certified_radius import ABSTAIN
from topcert.voting.checks import in_words, read_check
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FIXED, Manifest


def votes_in_words(manifest: Manifest) -> str:
    """How many votes an input has."""
    if manifest.stopping == FIXED:
        return f"n = {manifest.num_samples}"
    return f"n up to {manifest.num_samples}, until {manifest.stopping.partition(';')[0]} is settled"


def noise_in_words(manifest: Manifest) -> str:
    """The noise with its parameter, as in a title."""
    return manifest.noise.in_words()


def gap_in_words(manifest: Manifest) -> str | None:
    """What certificates of these votes leave out, or None."""
    return manifest.noise.gap


def label_zero_in_words(options: Mapping[str, Any]) -> str | None:
    """What `data_options` note of labels none of which is 0, or None."""
    lowest = options.get("lowest_label")
    if lowest is None:
        return None
    return (
        f"no label of the whole data is 0, the lowest is {lowest}; if they count from 1, each"
        " certificate and accuracy is about the class beside the true one"
    )


def method_in_words(certificates: CertificateTable) -> str:
    """The method, and its bounds where they are not its own."""
    return certificates.method + (
        "" if certificates.bounds is None else f" with {certificates.bounds} bounds"
    )


def ballot_in_words(num_named: int) -> str:
    """How many labels a vote names, where that is more than one, as a parameter that follows
    others; else nothing.
    """
    return "" if num_named == 1 else f", w = {num_named}"


def counted_in_words(certificates: CertificateTable) -> str:
    """What radii count: "pixels", "tokens inserted, deleted or replaced"."""
    plural = plural_of(certificates.unit)
    attacker = certificates.attacker
    return plural if attacker.rewrites_alone else attacker.changed_in_words(plural)


def moves_in_words(certificates: CertificateTable) -> str:
    """What an attacker does, as a parameter after others; nothing where he rewrites alone."""
    rewrites = certificates.attacker.rewrites_alone
    return "" if rewrites else f", {counted_in_words(certificates)}"


def chance_in_words(alpha: float) -> str:
    """The chance of error, or that there is none."""
    return f"alpha = {alpha:g}" if alpha else "no failure probability"


def source_in_words(manifest: Manifest) -> str:
    """What was made of a picture before it became the certified array; nothing for other data."""
    if manifest.data.endswith(IN_MEMORY):
        return ""
    if manifest.data == "imagenet":
        return INPUT_IN_WORDS
    if manifest.data in BUILT_IN or Path(manifest.data).suffix in ARRAY_FILES:
        return ""
    return manifest.form.modality.made_in_words(manifest.data_options)


def raw_of(manifest: Manifest) -> RawInput | None:
    """What the certified arrays were made of; None where they are the inputs themselves."""
    modality = manifest.form.modality
    return recorded_raw(modality, data=manifest.data, options=manifest.data_options)


def raw_in_words(manifest: Manifest) -> str | None:
    """What an attacker of the raw input can do to the certified arrays, or None."""
    raw = raw_of(manifest)
    return None if raw is None else raw.sentence(unit=manifest.unit)


def shown_radii(longest: int) -> list[int]:
    """Of 0 .. `longest` - 1 every r up to 5, then round ones, ten at most, and the last two: the
    largest r, and one more.
    """
    step = next(step for step in _round_numbers() if (longest - 1) // step <= 10)
    every_step = range(step * (5 // step + 1), longest, step)
    return sorted({*range(min(6, longest)), *every_step, *range(max(longest - 2, 0), longest)})


def _round_numbers() -> Iterator[int]:
    for zeros in count():
        yield from (10**zeros, 2 * 10**zeros, 5 * 10**zeros)


def promise_in_words(
    certificates: CertificateTable, ledger: Ledger, *, raw: RawInput | None = None
) -> str:
    """What the numbers mean, in three sentences; and what an attacker of the raw input can do.

    `raw` is what the arrays were made of, where a person holds it; else what the manifest says.
    """
    manifest = ledger.manifest
    unit = certificates.unit
    modality = manifest.form.modality
    shape = modality.array_in_words(manifest.input_shape)
    source = source_in_words(manifest)
    cut = f" ({source})" if source else ""
    done = (
        manifest.noise.done_in_words(unit, manifest.num_features, at_most=True)
        if manifest.form.any_length
        else manifest.noise.done_in_words(unit, manifest.num_features)
    )
    draws = manifest.noise.draws_in_words(manifest.num_samples)
    raw = raw_of(manifest) if raw is None else raw
    attacker = certificates.attacker
    attack = (
        modality.attack_in_words(unit)
        if attacker == modality.attacker
        else attacker.in_words(plural_of(unit))
    )
    if manifest.law == IID:
        chance = (
            f"Each input's certificates are wrong with probability at most {certificates.alpha!r}"
            f" over the {draws}"
        )
        after = "; alpha is per input"
    else:
        chance, after = "These masks are the classifier: there is no failure probability", ""
    return (
        f"The certified input is the {shape}{cut} whose {done}. Radius r: however an attacker"
        f" {attack}{manifest.noise.moves}, the label"
        f" {find_method(certificates.method).promise} over all {draws}. {chance} (method"
        f" {method_in_words(certificates)},"
        f" {votes_in_words(manifest)}{ballot_in_words(certificates.num_named)},"
        f" {certificates.label_choice} labels){after}."
        f" {in_words(read_check(ledger.folder, manifest.digest()))}"
        f"{'' if raw is None else f' {raw.sentence(unit=unit)}'}"
    )


def best_in_words(radius: int, *, k: int, unit: str, setting: str) -> str:
    """One line: the largest radius under a setting in words, or that there is none, and then what
    to change.
    """
    if radius == ABSTAIN:
        return (
            f"k = {k}: nothing can be certified with {setting}, not even radius 0; raise --samples"
        )
    fix = "" if radius else "; raise --samples, or change the noise"
    return (
        f"k = {k}: the largest radius that can ever be certified is"
        f" {count_in_words(radius, unit)} "
        f"(all votes for one label, {setting}){fix}"
    )


def setting_in_words(
    smoothing: Smoothing, *, num_samples: int, num_classes: int, alpha: float
) -> str:
    """The numbers that decide what can be certified."""
    parts = [f"n = {num_samples:,}", f"alpha = {alpha:g}", f"c = {num_classes}"]
    parts.append(smoothing.noise.parameter_in_words())
    parts += [] if smoothing.num_named == 1 else [f"w = {smoothing.num_named}"]
    parts += [] if smoothing.num_features is None else [f"d = {smoothing.num_features:,}"]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
