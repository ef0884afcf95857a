"""Everything a user sets about data. Imports nothing slow, so that a wrong option is refused at once."""

from dataclasses import dataclass, field
from enum import Enum

from seq2seq.registry import Registry


class TokenizerKind(Enum):
    bpe = "bpe"
    unigram = "unigram"
    word = "word"  # every word between spaces is one piece: for closed vocabularies, such as the generated tasks


@dataclass
class TokenizerConfig:
    """How text becomes subwords (SentencePiece: Kudo and Richardson 2018, arXiv:1808.06226).

    Attributes:
        kind: bpe, unigram or word.
        vocab_size: pieces, specials included. Exact for bpe and unigram, the most there can be for word.
        joint: one model for both sides; needed to tie source and target embeddings.
        character_coverage: share of the characters of the text that get a piece; the rest become <unk>.
        byte_fallback: spell a character without a piece in UTF-8 bytes instead of <unk>; costs 256 pieces.
        source_model, target_model: existing SentencePiece models to use instead of training; when joint, one will do.
    """

    kind: TokenizerKind = TokenizerKind.bpe
    vocab_size: int = 4000
    joint: bool = True
    character_coverage: float = 1.0
    byte_fallback: bool = False
    source_model: str | None = None
    target_model: str | None = None


@dataclass
class FilterConfig:
    """Which training pairs are left out, beside those with an empty side and those that are too long.

    Lengths are in subwords without </s>. Validation and test sets are never filtered.

    Attributes:
        min_length: fewest subwords on either side.
        max_length_ratio: most subwords of the longer side per subword of the shorter; None allows any.
        drop_duplicates: keep only the first of identical pairs.
    """

    min_length: int = 1
    max_length_ratio: float | None = None
    drop_duplicates: bool = False


@dataclass
class BatchConfig:
    """How training pairs are grouped into micro-batches.

    Attributes:
        max_tokens: most tokens of a padded micro-batch: the larger of rows x source width and rows x target width.
        max_shapes: most distinct (rows, source width, target width) in an epoch. More shapes mean less padding, but
            kernels are generated anew for a shape never seen before.
    """

    max_tokens: int = 4096
    max_shapes: int = 64


@dataclass
class AugmentationConfig:
    """What training makes of its pairs, drawn at random once a run. Validation and test stay as they are.

    Attributes:
        concatenate: pairs are joined end to end to rows of 1 to so many, each number as likely as any other, so that a
            model of short sentences learns to read long ones (Kondo et al. 2021, arXiv:2104.08478). 1 joins none.
        shuffle_targets: the target sides of a joined row stand in an order of their own, so that position does not tell
            where a word comes from. For alignment: it costs translation.
        split_probability: chance that a subword is cut into two smaller ones, and these likewise; what BPE-dropout does, from
            the other end (Provilkov et al. 2020, arXiv:1910.13267). 0 cuts none.
        split_samples: how many times an epoch holds each pair, each time cut otherwise.
    """

    concatenate: int = 1
    shuffle_targets: bool = False
    split_probability: float = 0.0
    split_samples: int = 1


@dataclass
class DataConfig:
    """What every corpus has. `name` says which class a saved configuration belongs to (see CORPORA).

    Attributes:
        source_kind: what sources are: "text", or "features", which are frames of floats in files.
        source_language, target_language: codes such as "en", as the corpus names its sides.
        reverse: translate from target_language to source_language, on the same splits. All other options speak of
            source and target as they are after that.
        cache_dir: where downloads and prepared corpora are kept.
        max_source_length, max_target_length: in subwords with </s>. Training pairs beyond are left out and counted.
        limit_train: only the first so many training pairs.
    """

    name: str = ""
    source_kind: str = "text"
    source_language: str = ""
    target_language: str = ""
    reverse: bool = False
    cache_dir: str = "data"
    max_source_length: int = 128
    max_target_length: int = 128
    limit_train: int | None = None
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    filters: FilterConfig = field(default_factory=FilterConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)

    def languages(self) -> tuple[str, str]:
        """The languages translated from and to, after `reverse`."""
        pair = (self.source_language, self.target_language)
        return (pair[1], pair[0]) if self.reverse else pair

    def has_links(self) -> bool:
        """Whether the training pairs come with word alignments."""
        return False


CORPORA: Registry[DataConfig] = Registry("corpus")


@CORPORA.register
@dataclass
class TatoebaConfig(DataConfig):
    """English and Spanish from Tatoeba, split by connected component."""

    name: str = "tatoeba"
    source_language: str = "en"
    target_language: str = "es"


@CORPORA.register
@dataclass
class Multi30kConfig(DataConfig):
    """Image captions (Elliott et al. 2016, arXiv:1605.00459).

    Attributes:
        root: folder with train.en, val.en, test_2016_flickr.en and the other language's, plain or .gz; None takes the
            copy on the Hugging Face hub, which has English and German only.
    """

    name: str = "multi30k"
    source_language: str = "en"
    target_language: str = "de"
    root: str | None = None


@dataclass
class SplitFiles:
    """Where one split lies: two plain text files, or one TSV, JSONL or Parquet file. Text may be gzipped (.gz).

    Attributes:
        source, target: plain text, one sentence a line.
        path: one file with both sides, instead: .tsv, .jsonl or .parquet.
        links: word alignments of the pairs, one Pharaoh line a pair ("0-0 1-2": source-target, from 0).
    """

    source: str | None = None
    target: str | None = None
    path: str | None = None
    links: str | None = None


@CORPORA.register
@dataclass
class FilesConfig(DataConfig):
    """Parallel text in files of your own.

    Attributes:
        train, validation, test: a split that names no file is empty.
        source_column, target_column: where `path` is given. Names in JSONL and Parquet (default "source" and
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


@CORPORA.register
@dataclass
class HubConfig(DataConfig):
    """Any parallel corpus on the Hugging Face hub (or a folder that `datasets.load_dataset` reads).

    Attributes:
        path, subset, revision: as `datasets.load_dataset` takes them; pin a revision to be sure of the data.
        train, validation, test: names of the splits there; None leaves that split empty.
        translation_column: a column that holds one text per language code; used unless the two below are given.
        source_column, target_column: one column per side.
    """

    name: str = "hub"
    path: str = ""
    subset: str | None = None
    revision: str | None = None
    train: str | None = "train"
    validation: str | None = "validation"
    test: str | None = "test"
    translation_column: str = "translation"
    source_column: str | None = None
    target_column: str | None = None


class GeneratedTask(Enum):
    """Tasks with one right answer; what each is for stands in seq2seq/data/sources/generated.py."""

    reverse = "reverse"
    copy = "copy"
    pointer = "pointer"
    chain = "chain"


@CORPORA.register
@dataclass
class GeneratedConfig(DataConfig):
    """Sequences of symbols with known answers, drawn from a seed. No source stands in two splits.

    Attributes:
        num_symbols: distinct symbols, s1, s2 and so on.
        min_length, max_length: symbols in a source.
    """

    name: str = "generated"
    source_language: str = "symbols"
    target_language: str = "symbols"
    task: GeneratedTask = GeneratedTask.reverse
    num_symbols: int = 16
    min_length: int = 4
    max_length: int = 10
    num_train: int = 20_000
    num_validation: int = 500
    num_test: int = 500
    seed: int = 1
    max_source_length: int = 32
    max_target_length: int = 32
    tokenizer: TokenizerConfig = field(
        default_factory=lambda: TokenizerConfig(kind=TokenizerKind.word, vocab_size=128)
    )

    def has_links(self) -> bool:
        return self.task is not GeneratedTask.chain
