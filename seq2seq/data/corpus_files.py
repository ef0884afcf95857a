"""How a prepared corpus lies on disk: Arrow for training, JSON for the splits that are scored, a manifest of hashes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.data.column import open_columns, save_columns
from seq2seq.data.rows import TrainRows
from seq2seq.data.sources.pairs import Pairs
from seq2seq.data.storage import sha256_of
from seq2seq.data.tokenizer import Tokenizers

MANIFEST = "manifest.json"
TRAIN = "train.arrow"
TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class Split:
    """A split that is translated and scored: the text as it was, and its ids without special ids."""

    pairs: Pairs
    source: list[list[int]]
    target: list[list[int]]

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus ready for training.

    Attributes:
        train: the pairs that are trained on, mapped from disk.
        manifest: fingerprint, counts before and after filters, pairs dropped by reason, SHA-256 of every split's text,
            cautions, hashes of the vocabularies, size and hash of every file.
    """

    train: TrainRows
    validation: Split
    test: Split
    tokenizers: Tokenizers
    manifest: dict[str, Any]


def save_train(folder: Path, rows: TrainRows) -> None:
    """Write the training pairs, without what is not known of them."""
    columns = {"source": rows.source, "target": rows.target, "links": rows.links}
    save_columns(folder / TRAIN, {name: each for name, each in columns.items() if each is not None})


def load_train(folder: Path) -> TrainRows:
    """What `save_train` wrote, mapped into memory."""
    return TrainRows(**open_columns(folder / TRAIN, ("source", "target", "links")))


def save_split(folder: Path, name: str, split: Split) -> None:
    content = {
        "source": split.pairs.source,
        "target": split.pairs.target,
        "links": split.pairs.links,
        "source_ids": split.source,
        "target_ids": split.target,
    }
    (folder / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def load_split(folder: Path, name: str) -> Split:
    content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    pairs = Pairs(content["source"], content["target"], content["links"])
    return Split(pairs, content["source_ids"], content["target_ids"])


def save_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write what is known about the corpus, and the size and hash of every file beside it."""
    files = {
        str(path.relative_to(folder)): [path.stat().st_size, sha256_of(path)]
        for path in contents(folder)
    }
    text = json.dumps({**facts, "files": files}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def damage(folder: Path) -> str | None:
    """What keeps a folder from being a whole prepared corpus; None if nothing does."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, (size, sha256) in files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != size or sha256_of(path) != sha256:
                return f"{name} is missing or damaged"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} is missing or damaged"
    return None


def load(folder: Path) -> PreparedCorpus:
    """A prepared corpus that `damage` found whole."""
    return PreparedCorpus(
        train=load_train(folder),
        validation=load_split(folder, "validation"),
        test=load_split(folder, "test"),
        tokenizers=Tokenizers.load(folder / TOKENIZER),
        manifest=json.loads((folder / MANIFEST).read_text(encoding="utf-8")),
    )


def contents(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
