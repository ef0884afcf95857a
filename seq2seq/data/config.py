"""Options of data. Imports nothing slow, so that a wrong option is refused at once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from seq2seq.data.augmentation_config import AugmentationConfig
from seq2seq.data.batch_config import BatchConfig
from seq2seq.options import Options, Readers, in_range, number
from seq2seq.paths import path_option
from seq2seq.registry import Registry

SPECIAL_TOKENS = ("<unk>", "<pad>", "<s>", "</s>")  # by id
NUM_SPECIALS = len(SPECIAL_TOKENS)
NUM_BYTES = 256  # subwords of byte_fallback


class TokenizerKind(Enum):
    bpe = "bpe"
    unigram = "unigram"
    word = "word"  # for closed vocabularies, such as those of the generated tasks
    char = "char"


MAXIMUM_KINDS = (TokenizerKind.word, TokenizerKind.char)  # vocab_size is a maximum
WORD_START = "\u2581"  # what SentencePiece writes for a space


@dataclass
class TokenizerConfig(Options):
    """How text becomes subwords (SentencePiece: Kudo and Richardson 2018, arXiv:1808.06226).

    Attributes:
        kind: bpe, unigram, word (each word between spaces is a subword) or char.
        vocab_size: subwords, specials included. Exact for bpe and unigram, otherwise a maximum.
        joint: one model for both sides; needed to tie source and target embeddings.
        character_coverage: share of the characters of the text that get a subword; the others
            become <unk>. 0.9995 suits Chinese and Japanese, 1 the rest.
        byte_fallback: spell a character without a subword in UTF-8 bytes instead of <unk>; takes
            256 subwords.
        user_defined_symbols: texts that stay whole wherever they occur, such as tags: each is a
            subword.
        source_model, target_model: existing SentencePiece models to use instead of training; when
            joint, one is enough. A run saves their kind, and the size of the larger.
    """

    kind: TokenizerKind = TokenizerKind.bpe
    vocab_size: int = number(4000, at_least=NUM_SPECIALS + 1)
    joint: bool = True
    character_coverage: float = number(1.0, at_least=0.98, at_most=1)
    byte_fallback: bool = False
    user_defined_symbols: list[str] = field(default_factory=list)
    source_model: str | None = path_option()
    target_model: str | None = path_option()

    def problems(self) -> list[str]:
        problems = list(super().problems())
        problems += self.symbol_problems()
        smallest = NUM_SPECIALS + 1 + NUM_BYTES
        if self.byte_fallback and in_range(self, "vocab_size") and self.vocab_size < smallest:
            problems.append(
                f"vocab_size: must be at least {smallest} with byte_fallback, "
                f"not {self.vocab_size}; the default is 4000"
            )
        if self.kind is TokenizerKind.word and self.byte_fallback:
            problems.append(
                "byte_fallback: must be false for kind=word; choose kind=bpe or kind=unigram"
            )
        models = {"source_model": self.source_model, "target_model": self.target_model}
        paths = {name: path for name, path in models.items() if path is not None}
        if self.joint and len(set(paths.values())) == 2:
            problems.append(
                "joint: must be false for two different models; set it so, or give one model"
            )
        if not self.joint and len(paths) == 1:
            (missing,) = models.keys() - paths.keys()
            problems.append(
                f"{missing}: must be set, because the other model is; give it, or set joint=true"
            )
        return problems

    def symbol_problems(self) -> Iterator[str]:
        """Symbols that SentencePiece could not keep whole."""
        symbols, seen = self.user_defined_symbols, set(SPECIAL_TOKENS)
        if symbols and self.kind is TokenizerKind.word:
            yield (
                "user_defined_symbols: must be empty for kind=word, which keeps every word whole; "
                "leave it out"
            )
        for symbol in symbols:
            wrong = {
                "must not be empty": not symbol,
                "must hold no spaces": any(x.isspace() or x == WORD_START for x in symbol),
                "must differ from one another and from the special tokens": symbol in seen,
            }
            seen.add(symbol)
            rule = next((rule for rule, broken in wrong.items() if broken), None)
            if rule is not None:
                yield f"user_defined_symbols: {rule}, not {symbol!r}; choose such as <de>"

    def readers(self) -> Readers:
        trained = self.source_model is None and self.target_model is None
        names = ("character_coverage", "byte_fallback", "user_defined_symbols")
        return dict.fromkeys(names, (trained, "choose source_model=null"))


@dataclass
class FilterConfig(Options):
    """Which training pairs are left out, beside those with an empty side and too long ones.

    Lengths are in subwords without </s>. Validation and test sets are never filtered.

    Attributes:
        min_length: minimum number of subwords on either side.
        max_length_ratio: maximum length of the longer side divided by that of the shorter; null
            for no limit.
        drop_duplicates: keep only the first of identical pairs.
    """

    min_length: int = number(1, at_least=1)
    max_length_ratio: float | None = number(None, at_least=1)
    drop_duplicates: bool = False


@dataclass
class DataConfig(Options):
    """Options that every corpus has. A corpus is a subclass, registered in CORPORA by its name.

    Attributes:
        name: of the corpus; set by choosing it.
        source_kind: what sources are: text, or features, which are frames of floats in files.
        source_language, target_language: codes such as "en", as the corpus names its sides.
        reverse: translate from target_language to source_language, on the same splits. For all
            other options, source and target are those of that direction.
        both_directions: share of the training, at its beginning, in which half of the pairs have
            their sides in each other's place (Ding et al. 2021, arXiv:2109.07780, who take a third
            and do not mark the direction). 0 trains on the wanted direction alone, 1 on both
            throughout.
        mark_direction: sources of pairs whose sides are exchanged begin with <s>. Those of the
            wanted direction have no mark, so the model is used as any other.
        cache_dir: folder of downloads and prepared corpora.
        verify: read text again that was read before, although its size and its times are what they
            were, and verify all of a prepared corpus before it is used. Otherwise the blocks of a
            large one are verified when something in them is first read.
        max_source_length, max_target_length: in subwords with </s>. Longer training pairs are left
            out and counted.
        limit_train: number of training pairs, from the first; null for all.
        tokenizer: how text becomes subwords.
        filters: training pairs to leave out.
        augmentation: of the training pairs.
        batch: how pairs are grouped.
    """

    name: str = ""
    source_kind: str = "text"
    source_language: str = ""
    target_language: str = ""
    reverse: bool = False
    both_directions: float = number(0.0, at_least=0, at_most=1)
    mark_direction: bool = False
    cache_dir: str = path_option("data")
    verify: bool = False
    max_source_length: int = number(128, at_least=2)
    max_target_length: int = number(128, at_least=2)
    limit_train: int | None = number(None, at_least=1)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    filters: FilterConfig = field(default_factory=FilterConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)

    def problems(self) -> list[str]:
        problems = list(super().problems())
        for option in ("source_language", "target_language"):
            if not getattr(self, option):
                problems.append(
                    f'{option}: must be set; give the code of the language, such as "en"'
                )
        problems += self.augmentation_problems()
        if self.both_directions:
            problems += self.direction_problems()
        longest, tokens = max(self.max_source_length, self.max_target_length), self.batch.max_tokens
        lengths = in_range(self, "max_source_length", "max_target_length")
        if lengths and in_range(self.batch, "max_tokens") and tokens < longest:
            problems.append(
                f"batch.max_tokens: must hold one pair of the maximum length, {longest}, not "
                f"{tokens}; raise it, or lower data.max_source_length and data.max_target_length"
            )
        return problems

    def augmentation_problems(self) -> Iterator[str]:
        """Augmentation that the tokenizer or word alignments do not allow."""
        kind, dropout = self.tokenizer.kind, self.augmentation.bpe_dropout
        if self.augmentation.split_probability > 0 and kind in MAXIMUM_KINDS:
            yield (
                "augmentation.split_probability: must be 0 for whole words and for characters; "
                "choose 0, or data.tokenizer.kind=bpe"
            )
        if dropout and kind is not TokenizerKind.bpe:
            yield (
                f"augmentation.{dropout}: must be 0 for kind={kind.value}, whose subwords are not "
                "made by merges; choose 0, or data.tokenizer.kind=bpe"
            )
        if dropout and self.has_links():
            yield (
                f"augmentation.{dropout}: must be 0 for pairs with word alignments, whose places "
                "would change; choose 0, or leave the word alignments out"
            )

    def direction_problems(self) -> Iterator[str]:
        """What does not allow to train on both directions."""
        reasons = {
            "one vocabulary for both sides; choose data.tokenizer.joint=true": (
                not self.tokenizer.joint
            ),
            "text on both sides; leave it out": self.source_kind != "text",
            "the same maximum length on both sides; set data.max_source_length and "
            "data.max_target_length alike": self.max_source_length != self.max_target_length,
        }
        for need, is_missing in reasons.items():
            if is_missing:
                yield f"both_directions: needs {need}, or choose 0"

    def readers(self) -> Readers:
        return {"mark_direction": (self.both_directions > 0, "choose data.both_directions=0.33")}

    def languages(self) -> tuple[str, str]:
        """The languages translated from and to, after `reverse`."""
        pair = (self.source_language, self.target_language)
        return (pair[1], pair[0]) if self.reverse else pair

    def has_links(self) -> bool:
        """Whether the training pairs come with word alignments."""
        return False


CORPORA: Registry[DataConfig] = Registry("corpus")
