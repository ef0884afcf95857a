"""A bundle is read as it was written, or refused with the file that is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from seq2seq.bundle.files import WEIGHTS, held_out_split, load_bundle
from seq2seq.bundle.locate import BUNDLE_MANIFEST, find_bundle, saved_config
from seq2seq.data.sources.base import Pairs
from seq2seq.errors import CheckpointError, DataError
from tests.results.bundles import make_run, rehash, train_tokenizers

TEXT = {"test": Pairs(["a", ""], ["b c", "d"]), "validation": Pairs([], [])}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", train_tokenizers(tmp_path), held_out=TEXT)


def test_a_bundle_is_read_as_it_was_written(run: Path) -> None:
    bundle = load_bundle(run)
    assert bundle.path == find_bundle(run) == find_bundle(run / "model") == run / "model"
    assert bundle.held_out == TEXT
    assert bundle.facts == {"checkpoints": ["1.ckpt"]}
    assert bundle.config == saved_config(run)
    assert not bundle.model.training
    stored = load_file(run / "model" / WEIGHTS)
    for name, tensor in bundle.model.state_dict().items():
        if name in stored:
            assert torch.equal(tensor, stored[name])
    (split,) = [held_out_split(bundle, "test")]
    assert split == TEXT["test"]


def test_nothing_of_the_compiler_of_torch_is_imported(run: Path) -> None:
    """It takes 80 MB of memory and a second."""
    program = (
        "import sys; from pathlib import Path; from seq2seq.bundle.files import load_bundle\n"
        f"load_bundle(Path({str(run)!r}))\n"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.split() == ["[]"]


@pytest.mark.parametrize("split", ["tset", "validation"])
def test_a_split_without_sentences_is_refused_with_the_others(run: Path, split: str) -> None:
    with pytest.raises(DataError, match=f"split={split}: .*choose from test, or give source"):
        held_out_split(load_bundle(run), split)


def test_every_damaged_file_is_named(run: Path) -> None:
    bundle = run / "model"
    for file in sorted(path for path in bundle.rglob("*") if path.is_file()):
        content = file.read_bytes()
        for damaged in (content + b" ", None):
            if damaged is None:
                file.unlink()
            else:
                file.write_bytes(damaged)
            removed = file.name == BUNDLE_MANIFEST and damaged is None
            message = "finished model|neither" if removed else file.name
            with pytest.raises(CheckpointError, match=message):
                load_bundle(run)
            file.write_bytes(content)
    load_bundle(run)


@pytest.mark.parametrize("change", ["shape", "missing", "extra", "no tensors"])
def test_weights_of_another_model_are_refused(run: Path, change: str) -> None:
    bundle = run / "model"
    weights = load_file(bundle / WEIGHTS)
    name = next(iter(weights))
    if change == "shape":
        weights[name] = torch.zeros(3, 3)
    elif change == "missing":
        del weights[name]
    else:
        weights["another"] = torch.zeros(2)
    save_file(weights, bundle / WEIGHTS)
    if change == "no tensors":
        (bundle / WEIGHTS).write_bytes(b"{}")
    rehash(bundle, WEIGHTS)
    with pytest.raises(CheckpointError, match=f"{WEIGHTS} must hold the weights of its config"):
        load_bundle(run)


def test_a_manifest_names_no_file_outside_of_the_bundle(run: Path) -> None:
    (run / "secret").write_text("x")
    rehash(run / "model", "../secret")
    with pytest.raises(CheckpointError, match="outside of the bundle"):
        load_bundle(run)


def test_folders_without_a_bundle_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no folder"):
        find_bundle(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="neither a run's folder nor a bundle"):
        find_bundle(tmp_path)
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(CheckpointError, match="finish it by .* resume="):
        find_bundle(tmp_path)
