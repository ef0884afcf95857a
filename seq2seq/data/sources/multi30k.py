"""Multi30k, task 1: image captions in three languages (Elliott et al. 2016, arXiv:1605.00459)."""

from collections.abc import Sequence
from pathlib import Path

from seq2seq.data.compression import ENDINGS
from seq2seq.data.corpora import HubConfig, Multi30kConfig
from seq2seq.data.reader import read_parallel
from seq2seq.data.sources.hub import HubReader
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.data.storage import remembered_sha256
from seq2seq.errors import DataError

HUB_PATH = "bentrevett/multi30k"
HUB_LANGUAGES = {"en", "de"}
STEMS = {"train": "train", "validation": "val", "test": "test_2016_flickr"}


@CORPUS_READERS.register
class Multi30kReader(CorpusReader):
    name = "multi30k"

    def __init__(self, config: Multi30kConfig) -> None:
        self.config = config
        self.languages = (config.source_language, config.target_language)

    def file_problems(self) -> list[str]:
        if self.config.root is None:
            if set(self.languages) == HUB_LANGUAGES:
                return []
            return [
                f"data.root: must be set for {' to '.join(self.languages)}, because the copy on "
                f"the hub ({HUB_PATH}) has en and de only; get the raw files of "
                "github.com/multi30k/dataset (data/task1/raw) and give their folder"
            ]
        return [f"data.root: {error}" for error in self.missing()]

    def missing(self) -> list[str]:
        problems = []
        for stem in STEMS.values():
            for language in self.languages:
                try:
                    self.find(stem, language)
                except DataError as error:
                    problems.append(str(error))
        return problems

    def find(self, stem: str, language: str) -> Path:
        """The file of one side of one split, plain or compressed."""
        assert self.config.root is not None, "without a folder the hub is read"
        plain = Path(self.config.root) / f"{stem}.{language}"
        for ending in ("", *ENDINGS):
            path = plain.with_name(plain.name + ending)
            if path.is_file():
                return path
        raise DataError(
            f"{plain}: no such file, nor with {', '.join(ENDINGS)}; give the folder that holds it"
        )

    def files(self) -> list[Path]:
        if self.config.root is None:
            return []
        return [self.find(stem, side) for stem in STEMS.values() for side in self.languages]

    def place(self, split: str, side: str, row: int, part_sizes: Sequence[int]) -> str:
        if self.config.root is None:
            return super().place(split, side, row, part_sizes)
        language = self.languages[side == "target"]
        return f"{self.find(STEMS[split], language)}:{row + 1}"

    def identity(self) -> str:
        if self.config.root is None:
            return self.hub().identity()
        return " ".join(["multi30k", *map(remembered_sha256, self.files())])

    def hub(self) -> HubReader:
        source, target = self.languages
        return HubReader(HubConfig(path=HUB_PATH, source_column=source, target_column=target))

    def load(self) -> RawCorpus:
        if self.config.root is None:
            try:
                return self.hub().load()
            except DataError as error:
                raise DataError(
                    f"{error}; or give the folder of the raw files as data.root"
                ) from error
        splits = {}
        for split, stem in STEMS.items():
            source, target = (self.find(stem, language) for language in self.languages)
            splits[split] = Pairs(*read_parallel(source, target))
        return RawCorpus(splits["train"], splits["validation"], splits["test"])
