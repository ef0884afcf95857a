"""Files of a prepared corpus: Arrow for training, JSON for held-out splits, a manifest of hashes.

A kind of source that does not fit in these writes files beside them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.data.cache import MANIFEST, folder_damage
from seq2seq.data.column import Column, open_columns, save_columns
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.kinds.base import SourceKind
from seq2seq.data.sources.pairs import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.files import unsealed

CORPUS_KEYS = (
    *("fingerprint", "code_version", "languages", "pairs", "train_pairs_before_filters"),
    *("dropped", "sha256", "tokenizers", "cautions", "runs", "read", "links", "files"),
)  # of version 0.1.0, whose manifests hold no hash of themselves
TRAIN = "train.arrow"
TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class Split:
    """A split that is translated and scored: its raw and its encoded pairs."""

    pairs: Pairs
    encoded: EncodedPairs

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus ready for training.

    Attributes:
        train: the training pairs, mapped from disk.
        manifest: fingerprint, counts before and after filters, dropped pairs by reason, SHA-256 of
            the raw pairs of each split, warnings, hashes of the vocabularies, size and hash of
            every file.
    """

    train: EncodedPairs
    validation: Split
    test: Split
    tokenizers: Tokenizers
    manifest: dict[str, Any]


def save_train(folder: Path, pairs: EncodedPairs) -> None:
    """Write the training pairs."""
    columns = pairs.kind.save_column(folder / "train", pairs.source)
    columns["target"] = pairs.target
    if pairs.links is not None:
        columns["links"] = pairs.links
    save_columns(folder / TRAIN, columns)


def load_train(folder: Path, kind: type[SourceKind]) -> EncodedPairs:
    """What `save_train` wrote, mapped into memory."""
    columns = open_columns(folder / TRAIN)
    source = kind.open_column(folder / "train", columns)
    return EncodedPairs(source, columns["target"], columns.get("links"), kind)


def save_split(folder: Path, name: str, split: Split) -> None:
    """Write a held-out split."""
    kind, pairs = split.encoded.kind, split.pairs
    columns = kind.save_column(folder / name, split.encoded.source)
    columns["target"] = split.encoded.target
    content: dict[str, Any] = {
        "source": list(map(str, pairs.source)),
        "target": pairs.target,
        "links": pairs.links,
    }
    for side, column in columns.items():
        content[f"{side}_ids"] = [column.row(row).tolist() for row in range(len(column))]
    (folder / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def load_split(folder: Path, name: str, kind: type[SourceKind]) -> Split:
    """What `save_split` wrote."""
    content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    items = kind.load_items(folder / name, content["source"])
    columns = {
        key.removesuffix("_ids"): Column.of(rows)
        for key, rows in content.items()
        if key.endswith("_ids")
    }
    source = kind.open_column(folder / name, columns)
    encoded = EncodedPairs(source, columns["target"], kind=kind)
    return Split(Pairs(items, content["target"], content["links"]), encoded)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What `save_manifest` wrote.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    return unsealed((folder / MANIFEST).read_bytes(), unsealed_keys=CORPUS_KEYS)


def damage(folder: Path, *, all_blocks: bool = True) -> str | None:
    """Why a folder is not a whole prepared corpus; None if it is one.

    Args:
        all_blocks: read all of it, see `folder_damage`.
    """
    return folder_damage(folder, unsealed_keys=CORPUS_KEYS, all_blocks=all_blocks)


def is_corpus_file(name: str) -> bool:
    """Whether a prepared corpus may hold a file or folder of this name."""
    return name in (MANIFEST, TOKENIZER) or name.startswith(("train.", "validation.", "test."))


def load_corpus(folder: Path) -> PreparedCorpus:
    """A prepared corpus without `damage`."""
    tokenizers = Tokenizers.load(folder / TOKENIZER)
    kind = type(tokenizers.source)
    return PreparedCorpus(
        train=load_train(folder, kind),
        validation=load_split(folder, "validation", kind),
        test=load_split(folder, "test", kind),
        tokenizers=tokenizers,
        manifest=read_manifest(folder),
    )
