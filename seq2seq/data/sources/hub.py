"""Parallel corpora on the Hugging Face hub."""

from pathlib import Path
from typing import Any

from seq2seq.data.corpora import HubConfig
from seq2seq.data.reader import ensure_sentence
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.errors import DataError, choices


@CORPUS_READERS.register
class HubReader(CorpusReader):
    name = "hub"

    def __init__(self, config: HubConfig) -> None:
        self.config = config

    def identity(self) -> str:
        """By name: what a name on the hub stands for is only certain with a revision."""
        config = self.config
        columns = (config.translation_column, config.source_column, config.target_column)
        names = (
            config.path,
            config.subset,
            config.revision,
            config.train,
            config.validation,
            config.test,
        )
        languages = (config.source_language, config.target_language)
        return repr(("hub", names, columns, languages, local_files(Path(config.path))))

    def load(self) -> RawCorpus:
        config = self.config
        return RawCorpus(
            *(self.load_split(split) for split in (config.train, config.validation, config.test))
        )

    def load_split(self, split: str | None) -> Pairs:
        if split is None:
            return Pairs()
        table = self.open(split)
        if self.config.source_column is not None and self.config.target_column is not None:
            columns = [column_of(table, name, self.config.path) for name in self.sides()]
        else:
            texts = column_of(table, self.config.translation_column, self.config.path)
            columns = [
                [field_of(row, language, self.config.path) for row in texts]
                for language in self.sides()
            ]
        for side, column in zip(self.sides(), columns, strict=True):
            for number, value in enumerate(column, 1):
                ensure_sentence(value, f"{self.config.path}:{split}:{number}: {side}")
        return Pairs(columns[0], columns[1])

    def sides(self) -> tuple[str, str]:
        """The names of the two columns, or of the two languages inside the translation column."""
        config = self.config
        return (
            config.source_column or config.source_language,
            config.target_column or config.target_language,
        )

    def open(self, split: str) -> Any:
        """The `datasets.Dataset` of a split. Raises DataError for an error of any kind."""
        import datasets

        config = self.config
        try:
            return datasets.load_dataset(
                config.path, config.subset, split=split, revision=config.revision
            )
        except Exception as error:
            first = str(error).strip().split("\n")[0]
            raise DataError(
                f"{config.path}, split {split}: could not be loaded ({type(error).__name__}: "
                f"{first}); check data.path, data.subset and the split, and that this machine "
                "reaches the hub or has the set in its cache"
            ) from error


def column_of(table: Any, name: str, path: str) -> list[Any]:
    if name not in table.column_names:
        raise DataError(f"{path}: has no column {name!r}; {choices(name, table.column_names)}")
    return list(table[name])


def field_of(row: Any, language: str, path: str) -> Any:
    if not isinstance(row, dict) or language not in row:
        legal = sorted(row) if isinstance(row, dict) else []
        raise DataError(
            f"{path}: its translations have no language {language!r}; {choices(language, legal)}"
        )
    return row[language]


def local_files(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of the files, if the path is a local folder."""
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
