"""Encoding word by word, and in any number of threads, gives the ids of encoding sentences."""

import random
from pathlib import Path

import pytest
import sentencepiece

from seq2seq.data import processor, tokenizer, word_encoder
from seq2seq.data.config import MAXIMUM_KINDS, TokenizerConfig, TokenizerKind
from seq2seq.data.tokenizer import Tokenizer
from tests.data.columns import as_lists
from tests.words import WORDS

HARD = [
    *("", " ", "\t\u00a0", "\u2581", "\u2581 \u2581a b\u2581c", "tree\u00a0house\u2003x\x1cy"),
    *(
        "日本語 の文。 中文",
        "😀 👍🏽 😀😀 the 😀",
        "Ä Ö the dog",
        "<s> </s> <unk>",
        "the  dog",
        " dog ",
    ),
    *("<de> dog<de> <de>", "dog\u2581<de>", "zzz qqq zzz", "e\u0301 é", "ﬁ ½", "\ufeff x"),
]
TAGS = ["<de>"]


def sentences(count: int = 300) -> list[str]:
    draw = random.Random(2)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 9))) for _ in range(count)]


def train(folder: Path, kind: TokenizerKind, **options: bool) -> Tokenizer:
    symbols = [] if kind is TokenizerKind.word else TAGS
    size = 500 if kind in MAXIMUM_KINDS else 300 if options else 36
    config = TokenizerConfig(kind=kind, vocab_size=size, user_defined_symbols=symbols, **options)
    return Tokenizer.train(sentences(), folder / "a.model", config=config)


@pytest.mark.parametrize(
    ("kind", "options", "by_words"),
    [
        (TokenizerKind.bpe, {}, True),
        (TokenizerKind.bpe, {"byte_fallback": True}, True),
        (TokenizerKind.word, {}, True),
        (TokenizerKind.char, {}, True),
        (TokenizerKind.unigram, {}, False),
    ],
)
def test_words_give_the_ids_of_sentences(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: TokenizerKind,
    options: dict[str, bool],
    by_words: bool,
) -> None:
    trained = train(tmp_path, kind, **options)
    assert trained._processor.by_words is by_words
    text = [*sentences(), *HARD, *sentences(20), " ".join(HARD)]
    expected = trained.encode_batch(text)
    assert as_lists(trained.encode_column(text)) == expected
    monkeypatch.setattr(tokenizer, "CHUNK", 7)
    monkeypatch.setattr(word_encoder, "MAX_WORDS", 20)
    assert as_lists(trained.encode_column(text)) == expected
    assert as_lists(trained.encode_column([])) == []


@pytest.mark.parametrize("cores", [1, 3])
def test_the_number_of_cores_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    trained = train(tmp_path, TokenizerKind.unigram)
    alone = [trained.encode(text) for text in HARD + sentences()]
    monkeypatch.setattr(processor, "available_cores", lambda: cores)
    assert as_lists(trained.encode_column(HARD + sentences())) == alone


@pytest.mark.parametrize(
    "options",
    [
        {"normalization_rule_name": "nmt_nfkc"},
        {"normalization_rule_name": "identity", "split_by_whitespace": False},
        {"normalization_rule_name": "identity", "treat_whitespace_as_suffix": True},
        {"normalization_rule_name": "identity", "remove_extra_whitespaces": False},
    ],
)
def test_models_of_other_projects_are_asked_for_sentences(
    tmp_path: Path, options: dict[str, object]
) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([f"{text} half a" for text in sentences()]),
        model_prefix=str(tmp_path / "m"),
        model_type="bpe",
        vocab_size=60,
        minloglevel=2,
        **options,
    )
    other = Tokenizer.load(tmp_path / "m.model")
    assert not other._processor.by_words
    assert as_lists(other.encode_column(HARD)) == other.encode_batch(HARD)
