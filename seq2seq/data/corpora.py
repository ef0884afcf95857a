"""Corpora by name: text that others wrote, and the generated ones. Imports nothing slow."""

from dataclasses import dataclass, field
from typing import Any

from seq2seq.data import synthetic
from seq2seq.data.config import CORPORA, DataConfig
from seq2seq.options import Options, Readers
from seq2seq.paths import is_folder, path_option

__all__ = ["CORPORA", "FilesConfig", "HubConfig", "Multi30kConfig", "SplitFiles", "TatoebaConfig"]

GENERATED = (synthetic.GeneratedConfig, synthetic.TonesConfig)  # importing them registers them


@CORPORA.register
@dataclass
class TatoebaConfig(DataConfig):
    """English and Spanish from Tatoeba, split by connected component."""

    name: str = "tatoeba"
    source_language: str = "en"
    target_language: str = "es"

    def problems(self) -> list[str]:
        problems = list(super().problems())
        languages = self.source_language, self.target_language
        if all(languages) and languages != ("en", "es"):
            problems.append(
                "source_language: tatoeba is en to es; set data.reverse=true to translate es to en"
            )
        return problems


@CORPORA.register
@dataclass
class Multi30kConfig(DataConfig):
    """Image captions (Elliott et al. 2016, arXiv:1605.00459).

    Attributes:
        root: folder with train.en, val.en, test_2016_flickr.en and the files of the other
            language, plain or compressed; null takes the copy on the Hugging Face hub, which has
            English and German only.
    """

    name: str = "multi30k"
    source_language: str = "en"
    target_language: str = "de"
    root: str | None = path_option()


@dataclass
class SplitFiles(Options):
    """The files of one split: two of plain text, or one TSV, JSONL or Parquet file.

    Text may be compressed by gzip, bzip2, xz or Zstandard.

    Each option is a path, or a list of paths: source[n] and target[n] are translations, and the
    pairs of all files follow one another.

    Attributes:
        source, target: plain text, one sentence a line.
        path: one file with both sides, instead: .tsv, .jsonl or .parquet.
        links: word alignments of the pairs, a line of Pharaoh links ("0-0 1-2": source-target,
            counted from 0) for each.
    """

    source: Any = path_option()
    target: Any = path_option()
    path: Any = path_option()
    links: Any = path_option()

    def problems(self) -> list[str]:
        problems = list(super().problems())
        for option in ("source", "target", "path", "links"):
            value = getattr(self, option)
            if value == [] or not all(isinstance(path, str) and path for path in paths_in(value)):
                problems.append(
                    f"{option}: must be a path or a list of paths, not {value!r}; give [a,b] for "
                    "several files, null for none, and quotation marks around a number"
                )
        return problems


def paths_in(value: Any) -> list[str]:
    """The paths of an option of `SplitFiles`."""
    return value if isinstance(value, list) else [] if value is None else [value]


@CORPORA.register
@dataclass
class FilesConfig(DataConfig):
    """Parallel text in files of your own.

    Attributes:
        train, validation, test: the files of each split; a split without files is empty.
        source_column, target_column: of a `path`: names in JSONL and Parquet (default "source" and
            "target"), numbers from 1 in TSV (default 1 and 2).
    """

    name: str = "files"
    source_language: str = "source"  # a code such as "zh" chooses the tokenizer of BLEU
    target_language: str = "target"
    train: SplitFiles = field(default_factory=SplitFiles)
    validation: SplitFiles = field(default_factory=SplitFiles)
    test: SplitFiles = field(default_factory=SplitFiles)
    source_column: str | None = None
    target_column: str | None = None

    def has_links(self) -> bool:
        return self.train.links is not None

    def readers(self) -> Readers:
        has_path = any(split.path for split in (self.train, self.validation, self.test))
        columns = ("source_column", "target_column")
        return {
            **super().readers(),
            **dict.fromkeys(columns, (has_path, "choose train.path=FILE")),
        }


@CORPORA.register
@dataclass
class HubConfig(DataConfig):
    """Any parallel corpus on the Hugging Face hub (or a folder that `datasets.load_dataset` reads).

    Attributes:
        path, subset, revision: as `datasets.load_dataset` takes them; a revision fixes the data.
        train, validation, test: names of the splits there; null leaves that split empty.
        translation_column: a column that holds one text per language code.
        source_column, target_column: one column per side, instead of translation_column.
    """

    name: str = "hub"
    path: str = path_option("", is_path=is_folder)
    subset: str | None = None
    revision: str | None = None
    train: str | None = "train"
    validation: str | None = "validation"
    test: str | None = "test"
    translation_column: str = "translation"
    source_column: str | None = None
    target_column: str | None = None

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if not self.path:
            problems.append(
                "path: must name a dataset on the Hugging Face hub; set it, or use data=files"
            )
        if self.train is None:
            problems.append("train: must name the split to train on; set it")
        if (self.source_column is None) != (self.target_column is None):
            problems.append(
                "source_column: must be set together with target_column; set both, or neither for "
                "data.translation_column"
            )
        return problems

    def readers(self) -> Readers:
        texts = self.source_column is None and self.target_column is None
        need = "leave out source_column and target_column"
        return {**super().readers(), "translation_column": (texts, need)}
