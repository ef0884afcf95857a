"""Files of strangers: tokenizers, arrays, checkpoints and scores."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import torch

from seq2seq.alignment.export import AttentionFile
from seq2seq.data.kinds.feature_files import read_frames
from seq2seq.data.kinds.features import FeatureSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.results.evaluation_files import read_scores
from seq2seq.training.checkpoint import CheckpointStore
from tests.security.foreign_bundles import HUGE, load
from tests.security.hostile import (
    EXECUTE,
    Executes,
    Exploit,
    Make,
    npy,
    pickled,
    safetensors,
    sentencepiece_model,
    sparse,
    with_file,
    zipped,
)


def tokenizer_exploits() -> dict[str, Exploit]:
    """SentencePiece models: sound before the parser in C++ sees them."""
    subword = (1, b"\n\x01a")
    models = {
        "many subwords": sentencepiece_model(subword) * 1_500_000,
        "long subword": sentencepiece_model((1, b"\n" + b"\x80\x80\x40" + b"a" * (1 << 20))),
        "field beyond the file": b"\n\xff\xff\xff\xff\x0f",
        "number without end": b"\x0a" + b"\x80" * 1_000,
        "groups": b"\x0b" * 100_000,
        "subwords alone": sentencepiece_model(subword) * 10,
        "nested fields": sentencepiece_model((2, b"\n" * 10_000)),
        "pickle": pickled(),
        "nothing": b"",
    }
    kinds = {
        "kind of source by path": '{"kind": "os.system"}',
        "kind of source nested": "[" * 100_000,
        "no kind of source": "{}",
        "kind of source of a number": '{"kind": 1}',
        "kind of source in a list": '{"kind": ["text"]}',
    }
    widths = ("1e400", str(HUGE), "-1", "NaN", "[1]", '"' + "9" * 5_000 + '"', "[" * 100_000)
    return {
        **{
            f"tokenizer of {name}": Exploit(with_file("tokenizer/joint.model", model), load)
            for name, model in models.items()
        },
        "tokenizer that turns a letter into pages": Exploit(
            with_replacement, lambda run: Tokenizer.load(run / "model/tokenizer/joint.model")
        ),
        "tokenizer of a gigabyte": Exploit(
            sparse("big.model"),
            lambda run: Tokenizer.load(run / "big.model"),
        ),
        "tokenizer behind an endless link": Exploit(
            lambda run: (run / "endless.model").symlink_to("/dev/zero"),
            lambda run: Tokenizer.load(run / "endless.model"),
        ),
        **{
            name: Exploit(
                with_kind(text),
                lambda run: Tokenizers.load(run / "model/tokenizer"),
            )
            for name, text in kinds.items()
        },
        **{
            f"frames of width {text[:12]}": Exploit(
                writing("features.json", f'{{"width": {text}}}'),
                FeatureSource.load,
            )
            for text in widths
        },
    }


def array_exploits() -> dict[str, Exploit]:
    """NumPy files and archives: no objects, nothing larger than its file or its bounds."""
    objects = np.array([Executes()], dtype=object)
    bomb = npy(f"({1 << 28},)", data=bytes(1 << 20))
    arrays = {
        "objects": lambda path: np.save(path, objects, allow_pickle=True),
        "a terabyte": lambda path: path.write_bytes(npy(f"({HUGE}, 4)")),
        "an overflowing size": lambda path: path.write_bytes(npy(f"({2**62}, 4)")),
        "a negative size": lambda path: path.write_bytes(npy("(-1, 4)")),
        "a header that is code": lambda path: path.write_bytes(npy(f"({EXECUTE},)")),
        "a nested header": lambda path: path.write_bytes(npy("(" * 5_000 + ")" * 5_000)),
        "a pickle": lambda path: path.write_bytes(pickled()),
    }
    metadata = npy("()", "<U2", "{}".encode("utf-32-le"))
    archives = {
        "objects": lambda path: np.savez(path, metadata=objects),
        "a bomb": lambda path: zipped(path, {"metadata.npy": bomb}),
        "a terabyte": lambda path: zipped(path, {"metadata.npy": npy(f"({HUGE},)", "<U1")}),
        "no metadata": lambda path: zipped(path, {"a.npy": metadata}),
        "a path upwards": lambda path: zipped(path, {"../metadata.npy": metadata}),
        "a pickle": lambda path: path.write_bytes(pickled()),
    }
    frames = {
        "features": safetensors({"a": {"dtype": "F32", "shape": [HUGE, 4]}}),
        "pickle": pickled(),
    }
    return {
        **{
            f"array of {name}": Exploit(
                lambda run, make=make: make(run / "a.npy"), lambda run: read_frames(run / "a.npy")
            )
            for name, make in arrays.items()
        },
        **{
            f"archive of {name}": Exploit(
                lambda run, make=make: make(run / "a.npz"), lambda run: AttentionFile(run / "a.npz")
            )
            for name, make in archives.items()
        },
        **{
            f"frames of {name}": Exploit(
                writing("a.safetensors", content),
                lambda run: read_frames(run / "a.safetensors"),
            )
            for name, content in frames.items()
        },
    }


def checkpoint_exploits() -> dict[str, Exploit]:
    """Checkpoints of a run: tensors and plain values, never objects."""
    instantiator = {"_instantiator": "builtins.exec", "_class_path": "os.system", "x": 1}
    contents: dict[str, Any] = {
        "objects": {"state_dict": {}, "hyper_parameters": Executes()},
        "objects as weights": {"state_dict": {"model.a": Executes()}},
        "a function": {"state_dict": {}, "callbacks": {"a": torch.load}},
        "no keys": {},
        "a list": [1],
        "weights in a list": {"state_dict": [1]},
    }

    def saved(content: Any) -> Make:
        return lambda run: (
            (run / "checkpoints").mkdir(),
            torch.save(content, run / "checkpoints" / "step-00000001.ckpt"),
        )[1]

    def written(content: bytes) -> Make:
        return lambda run: (
            (run / "checkpoints").mkdir(),
            (run / "checkpoints" / "step-00000001.ckpt").write_bytes(content),
        )[0]

    def read(run: Path) -> Any:
        return CheckpointStore(run / "checkpoints").load(run / "checkpoints" / "step-00000001.ckpt")

    return {
        **{f"checkpoint of {name}": Exploit(saved(x), read) for name, x in contents.items()},
        "checkpoint with _instantiator": Exploit(
            saved({"state_dict": {}, "hyper_parameters": instantiator}), read, is_refused=False
        ),
        "checkpoint that is a pickle": Exploit(written(pickled()), read),
        "checkpoint that is nothing": Exploit(written(b""), read),
        "checkpoint that is a bomb": Exploit(bomb_checkpoint, read),
        "checkpoint behind an endless link": Exploit(
            lambda run: (
                (run / "checkpoints").mkdir(),
                (run / "checkpoints" / "step-00000001.ckpt").symlink_to("/dev/zero"),
            )[0],
            read,
        ),
    }


def with_replacement(run: Path) -> None:
    """A whole model, whose normaliser replaces a letter by 10,000 others."""
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["ab cd"] * 20),
        model_writer=buffer,
        model_type="char",
        vocab_size=12,
        hard_vocab_limit=False,
        normalizer=sentencepiece.SentencePieceNormalizer(norm_map=[("a", "b" * 10_000)]),
        minloglevel=2,
    )
    with_file("tokenizer/joint.model", buffer.getvalue())(run)


def with_kind(text: str) -> Make:
    """Say of which kind the sources are, beside the tokenizer of targets."""

    def make(run: Path) -> None:
        folder = run / "model" / "tokenizer"
        (folder / "joint.model").rename(folder / "target.model")
        (folder / "source_kind.json").write_text(text)

    return make


def writing(name: str, content: bytes | str) -> Make:
    """Write a file beside the bundle."""

    def make(run: Path) -> None:
        (run / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def bomb_checkpoint(run: Path) -> None:
    """A checkpoint whose archive is compressed a thousandfold, which torch unpacks."""
    folder = run / "checkpoints"
    folder.mkdir()
    torch.save({"state_dict": {"model.a": torch.zeros(1 << 24)}}, folder / "plain")
    with zipfile.ZipFile(folder / "plain") as archive:
        zipped(
            folder / "step-00000001.ckpt",
            {name: archive.read(name) for name in archive.namelist()},
        )
    (folder / "plain").unlink()


def evaluation_exploits() -> dict[str, Exploit]:
    """Files of an evaluation."""
    contents = {
        "nested": "[" * 100_000,
        "of a list": "[]",
        "of other values": '{"bleu": {"score": "x"}}',
        "that are no number": '{"bleu": {"score": NaN, "signature": ""}, "protocol": "cased_13a"}',
        "of a huge number": '{"bleu": {"score": 1' + "0" * 5_000 + ', "signature": ""}}',
        "of a key twice": '{"protocol": 1, "protocol": 2}',
    }
    return {
        f"scores {name}": Exploit(
            writing("scores.json", text),
            lambda run: read_scores(run / "scores.json"),
        )
        for name, text in contents.items()
    }
