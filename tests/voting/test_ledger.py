"""The ledger keeps every vote, is whole after any interruption, and refuses what is not its own."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.noise.law import Noise
from topcert.voting.inputs import fingerprint_inputs, inputs_table
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FORMAT, Manifest, refuse_other

GAUSSIAN = Gaussian(sigma=0.5)


def entries(**changes: object) -> dict[str, object]:
    """What the file of a manifest says."""
    base = {
        "topcert_version": "0",
        "data": "d",
        "data_options": {},
        "data_fingerprint": "f" * 64,
        "input_shape": (4,),
        "num_inputs": 3,
        "model": "m",
        "model_fingerprint": "0" * 64,
        "num_classes": 5,
        "runtime": "r, cpu",
        "noise": "ablation",
        "law": "iid",
        "algorithm": "a",
        "stopping": "fixed",
        "seed": 0,
        "num_selection": 0,
        "num_samples": 10,
        "num_features": 4,
        "num_kept": 2,
        "sigma": None,
        "keep_probability": None,
        "unit": "column",
        "encoding": "sentinel",
        "fill": -1.0,
        "batch_size": 4,
        "batches_per_block": 2,
        "format": FORMAT,
    }
    return {**base, **changes}


def write_entries(folder: Path, **changes: object) -> None:
    """A manifest, whatever it says."""
    text = json.dumps(entries(**changes), indent=2, sort_keys=True) + "\n"
    (folder / "manifest.json").write_text(text)


def manifest(**changes: object) -> Manifest:
    return Manifest.from_entries(entries(**changes))


def filled(folder: Path, law: Manifest, seed: int = 0) -> tuple[Ledger, np.ndarray]:
    (folder / "ledger").mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder, law)
    votes = np.random.default_rng(seed).integers(
        0, law.num_classes, (law.num_inputs, law.num_votes)
    )
    for block in range(ledger.num_blocks):
        batches = ledger.schedule.batches_of(block)
        ledger.write_block(
            block,
            votes.reshape(-1)[
                ledger.schedule.offset(batches.start) : ledger.schedule.offset(batches.stop)
            ],
        )
    law.write(folder / "manifest.json")
    return ledger, votes


@settings(max_examples=40, deadline=None)
@given(
    inputs=st.integers(1, 5),
    samples=st.integers(1, 30),
    batch=st.integers(1, 12),
    per_block=st.integers(1, 9),
    classes=st.sampled_from([2, 256, 257, 1000]),
)
def test_blocks_of_any_size_give_back_every_vote(
    tmp_path_factory: pytest.TempPathFactory,
    inputs: int,
    samples: int,
    batch: int,
    per_block: int,
    classes: int,
) -> None:
    law = manifest(
        num_inputs=inputs,
        num_samples=samples,
        batch_size=batch,
        batches_per_block=per_block,
        num_classes=classes,
    )
    ledger, votes = filled(tmp_path_factory.mktemp("run"), law)
    assert np.array_equal(np.stack(list(ledger.iterate_inputs())), votes[:, :, None])
    assert np.array_equal(ledger.counts(), [np.bincount(row, minlength=classes) for row in votes])
    assert ledger.missing_blocks() == []
    assert ledger.read_block(0).dtype == (np.uint8 if classes <= 256 else np.uint16)


def test_manifest_survives_the_disk(tmp_path: Path) -> None:
    law = manifest()
    law.write(tmp_path / "manifest.json")
    assert Manifest.read(tmp_path / "manifest.json") == law


@pytest.mark.parametrize("name", [*entries(), "output", "num_named"])
def test_a_block_is_refused_under_any_other_manifest(tmp_path: Path, name: str) -> None:
    filled(tmp_path, manifest())
    path = tmp_path / "manifest.json"
    found = json.loads(path.read_text())
    old = found.get(name)  # what was not asked for has no entry
    found[name] = {"x": 1} if isinstance(old, dict) else [5] if isinstance(old, list) else "0.5"
    if isinstance(old, str):
        found[name] = old + "x"
    elif isinstance(old, (int, float)):
        found[name] = old + 1
    path.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    with pytest.raises(ValueError, match=r"manifest|damaged|missing|checksum"):
        Ledger.open(tmp_path).counts()


def test_a_block_moved_to_another_place_is_refused(tmp_path: Path) -> None:
    ledger, _ = filled(tmp_path, manifest())
    ledger.block_path(1).write_bytes(ledger.block_path(0).read_bytes())
    with pytest.raises(ValueError, match="changed"):
        ledger.counts()


def test_one_changed_vote_is_noticed(tmp_path: Path) -> None:
    ledger, _ = filled(tmp_path, manifest())
    table = pq.read_table(ledger.block_path(0))
    votes = table.column("vote").to_numpy().copy()
    votes[0] = (votes[0] + 1) % 5
    pq.write_table(
        pa.table({"vote": votes}).replace_schema_metadata(table.schema.metadata),
        ledger.block_path(0),
    )
    with pytest.raises(ValueError, match="checksum"):
        ledger.counts()


def test_any_flipped_byte_of_a_block_is_noticed_or_harmless(tmp_path: Path) -> None:
    ledger, votes = filled(tmp_path, manifest())
    path = ledger.block_path(0)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = ledger.read_block(0)
        except ValueError:
            continue
        assert np.array_equal(found[:, 0], votes.reshape(-1)[: len(found)])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_a_damaged_block_is_named_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    ledger, _ = filled(tmp_path, manifest())
    ledger.block_path(2).write_bytes(content)
    with pytest.raises(ValueError, match=r"block-000002.parquet is damaged .*--resume"):
        ledger.counts()


def test_missing_blocks_are_listed(tmp_path: Path) -> None:
    ledger, _ = filled(tmp_path, manifest())
    ledger.block_path(1).unlink()
    assert ledger.missing_blocks() == [1]
    with pytest.raises(ValueError, match="--resume"):
        ledger.counts()


def test_inputs_are_bound_to_the_manifest(tmp_path: Path) -> None:
    table = inputs_table(np.arange(3), np.array([0, 1, 2]), ["a", "b", "c"])
    ledger, _ = filled(tmp_path, manifest(data_fingerprint=fingerprint_inputs(table)))
    ledger.write_inputs(table)
    index, labels, hashes = ledger.read_inputs()
    assert index.tolist() == [0, 1, 2]
    assert labels is not None
    assert labels.tolist() == [0, 1, 2]
    assert hashes == ["a", "b", "c"]
    ledger.write_inputs(inputs_table(np.arange(3), np.array([0, 1, 3]), ["a", "b", "c"]))
    with pytest.raises(ValueError, match="changed"):
        ledger.read_inputs()


def test_two_writers_cannot_share_a_ledger(tmp_path: Path) -> None:
    ledger, _ = filled(tmp_path, manifest())
    with (
        ledger.lock(),
        pytest.raises(ValueError, match="another process"),
        Ledger(tmp_path, ledger.manifest).lock(),
    ):
        pass
    lock = ledger.lock()
    with lock:
        pass
    with Ledger(tmp_path, ledger.manifest).lock():  # though `lock` is still there
        pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 1),
        ("num_samples", 11),
        ("num_selection", 5),
        ("noise", GAUSSIAN),
        ("sigma", dataclasses.replace(GAUSSIAN, sigma=0.25)),
        ("keep_probability", Discrete(keep_probability="0.5")),
        ("algorithm", "b"),
        ("num_kept", 3),
        ("batch_size", 5),
        ("model_fingerprint", "x"),
        ("data_fingerprint", "x"),
        ("encoding", "constant"),
        ("fill", 0.0),
        ("runtime", "other"),
        ("law", "partitions"),
        ("stopping", "radius=5"),
        ("num_classes", 6),
    ],
)
def test_a_resume_under_another_parameter_is_refused_by_name(
    tmp_path: Path, name: str, value: object
) -> None:
    recorded, other = manifest(), manifest()
    if isinstance(value, Noise):
        before = {"sigma": GAUSSIAN, "keep_probability": Discrete(keep_probability="0.4")}
        recorded = dataclasses.replace(recorded, noise=before.get(name, recorded.noise))
        other = dataclasses.replace(other, noise=value)
    else:
        other = manifest(**{name: value})
    with pytest.raises(ValueError, match=f"was started with {name} = "):
        refuse_other(recorded, other, tmp_path)


def test_a_resume_from_another_place_or_release_is_allowed(tmp_path: Path) -> None:
    refuse_other(
        manifest(), manifest(data="/elsewhere", model="copy.onnx", topcert_version="9"), tmp_path
    )
    assert manifest().digest() != manifest(topcert_version="9").digest()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_features": 5}, "has 4 columns, not 5"),
        ({"unit": "pixel"}, "unit is 'pixel', of which an input of shape"),
        ({"input_shape": (2, 2, 3), "unit": "pixel", "num_features": 12}, "has 4 pixels, not 12"),
        (
            {
                "noise": "gaussian",
                "num_kept": None,
                "encoding": None,
                "fill": None,
                "sigma": 1e300,
            },
            "sigma must lie in",
        ),
        ({"noise": ["a"]}, "noise must be one of"),
        ({"noise": "gaussian"}, "does not go with the noise"),
        ({"num_selection": -1}, "num_selection"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    write_entries(tmp_path, **changes)
    with pytest.raises(ValueError, match=says):
        Manifest.read(tmp_path / "manifest.json")


@pytest.mark.parametrize("code", ["ENOLCK", "ENOTSUP", "EPERM"])
def test_a_lock_that_the_file_system_refuses_is_named_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    ledger, _ = filled(tmp_path, manifest())

    def refuse(*_: object) -> None:
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    with ledger.lock():
        pass
    monkeypatch.setattr("fcntl.flock", refuse)
    message = r"\.lock cannot be locked \(.*\): the file system gives no locks.*--out on a local"
    with pytest.raises(ValueError, match=message), ledger.lock():
        pass


def test_a_lock_that_another_holds_is_named(tmp_path: Path) -> None:
    ledger, _ = filled(tmp_path, manifest())
    again = Ledger(tmp_path, manifest())
    message = r"another process is writing to .*holds .*\.lock\); wait"
    with ledger.lock(), pytest.raises(ValueError, match=message), again.lock():
        pass
