import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from seq2seq.alignment.export import (
    AttentionFile,
    AttentionMetadata,
    write_attention,
    write_pharaoh,
)
from seq2seq.errors import DataError

METADATA = AttentionMetadata(
    "cross-attention", layers=(1,), heads=(0, 3), averaged=True, weights="the weights it uses"
)
SENTENCES = [(["▁a", "b", "</s>"], ["▁c", "</s>"]), (["</s>"], ["▁日本", "☃", "</s>"]), ([], [])]


def write_example(path: Path) -> list[torch.Tensor]:
    torch.manual_seed(0)
    weights = [torch.rand(len(target), len(source)) for source, target in SENTENCES]
    with write_attention(path, METADATA) as file:
        for matrix, (source, target) in zip(weights, SENTENCES, strict=True):
            file.add(matrix, source, target)
    return weights


def test_an_archive_comes_back_as_it_was_written(tmp_path: Path) -> None:
    weights = write_example(tmp_path / "attention.npz")
    with AttentionFile(tmp_path / "attention.npz") as file:
        assert file.metadata == METADATA
        assert len(file) == 3
        for index, (matrix, (source, target)) in enumerate(zip(weights, SENTENCES, strict=True)):
            sentence = file[index]
            assert sentence.source_subwords == source
            assert sentence.target_subwords == target
            assert sentence.weights.dtype == np.float16
            np.testing.assert_array_equal(sentence.weights, matrix.half().numpy())
        with pytest.raises(IndexError):
            file[3]


def test_plain_numpy_reads_it_without_pickle(tmp_path: Path) -> None:
    write_example(tmp_path / "attention.npz")
    with np.load(tmp_path / "attention.npz", allow_pickle=False) as archive:
        assert archive["weights_00000"].shape == (2, 3)
        assert archive["source_pieces_00001"].tolist() == ["</s>"]
        assert archive["target_pieces_00001"].tolist() == ["▁日本", "☃", "</s>"]
        assert json.loads(str(archive["metadata"]))["sentences"] == 3


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    write_example(tmp_path / "a.npz")
    write_example(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_all_layers_and_heads_keep_their_axes(tmp_path: Path) -> None:
    metadata = AttentionMetadata(
        "cross-attention", layers=(0, 2), heads=(0, 1, 2), averaged=False, weights="kernel"
    )
    weights = torch.rand(2, 3, 1, 2)
    with write_attention(tmp_path / "all.npz", metadata) as file:
        file.add(weights, ["x", "y"], ["z"])
        with pytest.raises(AssertionError, match="shape"):
            file.add(weights[0], ["x", "y"], ["z"])
        with pytest.raises(AssertionError, match="shape"):
            file.add(weights, ["x"], ["z"])
    with AttentionFile(tmp_path / "all.npz") as file:
        assert file.metadata == metadata
        np.testing.assert_array_equal(file[0].weights, weights.half().numpy())


def test_a_subword_may_hold_any_character(tmp_path: Path) -> None:
    subwords = ["a\0", "\n", " ", "", "'\"\\", "\U0001f600"]
    with write_attention(tmp_path / "a.npz", METADATA) as file:
        file.add(np.zeros((1, len(subwords))), subwords, ["x"])
    with AttentionFile(tmp_path / "a.npz") as file:
        assert file[0].source_subwords == ["a␀", *subwords[1:]]


def interrupted() -> list[str]:
    raise KeyboardInterrupt


def test_a_failure_leaves_the_previous_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "attention.npz"
    write_example(path)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), write_attention(path, METADATA) as file:
        file.add(np.zeros((1, 1)), ["a"], interrupted())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["attention.npz"]


def test_a_failed_pharaoh_file_leaves_the_previous_one(tmp_path: Path) -> None:
    path = tmp_path / "a.pharaoh"
    write_pharaoh(path, [frozenset({(0, 0)})])
    with pytest.raises(TypeError):
        write_pharaoh(path, [frozenset({(1, 1)}), None])  # type: ignore[list-item]
    assert path.read_text() == "0-0\n"
    assert os.listdir(tmp_path) == ["a.pharaoh"]


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def damage_middle(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("weights_00000.npy").header_offset
    content = bytearray(path.read_bytes())
    for offset in range(start + 70, start + 90):
        content[offset] ^= 0xFF
    path.write_bytes(bytes(content))


def damage_text(path: Path) -> None:
    path.write_text("not an archive")


def damage_metadata(path: Path) -> None:
    np.savez(path, weights_00000=np.zeros(1))


def damage_version(path: Path) -> None:
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive}
    content["metadata"] = np.array(
        json.dumps(json.loads(str(content["metadata"])) | {"format": 99})
    )
    np.savez(path, **content)


def damage_single(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    "damage",
    [
        damage_cut,
        damage_middle,
        damage_text,
        damage_metadata,
        damage_version,
        damage_single,
        Path.unlink,
    ],
)
def test_a_damaged_file_is_refused_with_its_name(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "attention.npz"
    write_example(path)
    damage(path)
    with (
        pytest.raises(DataError, match=r"attention\.npz: not a readable attention file"),
        AttentionFile(path) as file,
    ):
        file[0]


class Hostile:
    """Unpickling this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", metadata=np.array([Hostile(tmp_path / "made")], dtype=object))
    with pytest.raises(DataError, match=r"a\.npz: not a readable attention file"):
        AttentionFile(tmp_path / "a.npz")
    assert not (tmp_path / "made").exists()
