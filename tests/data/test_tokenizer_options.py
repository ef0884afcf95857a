"""Options of tokenizers: symbols that stay whole, and what is said of models that exist."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seq2seq.data.column import Column
from seq2seq.data.config import TokenizerConfig, TokenizerKind
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.sources.base import check, with_model_facts
from seq2seq.data.subword_splits import SubwordSplitter
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.unknown import unknown_warnings
from seq2seq.options import problems_in
from tests.words import WORDS

TAGS = ["<de>", "<2,fr>", "__x__"]
TEXT = [f"{first} {second} fr de x" for first in WORDS for second in WORDS]


@pytest.mark.parametrize("kind", [TokenizerKind.bpe, TokenizerKind.unigram, TokenizerKind.char])
@pytest.mark.parametrize("joint", [True, False])
def test_symbols_stay_whole(tmp_path: Path, kind: TokenizerKind, joint: bool) -> None:
    config = TokenizerConfig(kind=kind, vocab_size=33, joint=joint, user_defined_symbols=TAGS)
    made = Tokenizers.of(config, TEXT, TEXT, tmp_path)
    for tokenizer in made.of_text():
        assert tokenizer.kind is kind
        for text in ("<de> the dog", "the<2,fr>dog", "__x____x__ rain", "fr de", TAGS[0]):
            ids = tokenizer.encode(text)
            present = [tag for tag in TAGS for _ in range(text.count(tag))]
            assert [piece for piece in tokenizer.subwords(ids) if piece in TAGS] == present
            assert tokenizer.decode(ids) == text
            if " " not in text:
                assert set(tokenizer.words_of_ids(ids)) <= {0, -1}
        assert sorted(tokenizer.subwords(sorted(tokenizer.user_defined))) == sorted(TAGS)
        tags = Column.of([tokenizer.encode(tag) for tag in TAGS])
        split = SubwordSplitter(tokenizer).split(tags, 0.99, np.random.default_rng(1)).column
        assert tokenizer.decode(split.values.tolist()).replace(" ", "") == "".join(TAGS)
        assert tokenizer.user_defined <= set(split.values.tolist()), "augmentation splits no tag"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"user_defined_symbols": [""]}, "must not be empty"),
        ({"user_defined_symbols": ["a b"]}, "must hold no spaces"),
        ({"user_defined_symbols": ["\u2581a"]}, "must hold no spaces"),
        ({"user_defined_symbols": ["<a>", "<a>"]}, "must differ from one another"),
        ({"user_defined_symbols": ["</s>"]}, "must differ from one another and from the special"),
        (
            {"user_defined_symbols": ["a"], "kind": TokenizerKind.word},
            "must be empty for kind",
        ),
        ({"user_defined_symbols": ["a"], "source_model": "m"}, "is set but not read"),
    ],
)
def test_symbols_that_are_refused(options: dict[str, object], says: str) -> None:
    (problem,) = problems_in(TokenizerConfig(**options))  # type: ignore[arg-type]
    assert problem.startswith("user_defined_symbols: ")
    assert says in problem


@pytest.fixture
def model(tmp_path: Path) -> Path:
    config = TokenizerConfig(kind=TokenizerKind.unigram, vocab_size=30)
    Tokenizer.train(TEXT, tmp_path / "a.model", config=config)
    return tmp_path / "a.model"


@pytest.fixture
def config(tmp_path: Path, model: Path) -> FilesConfig:
    (tmp_path / "text").write_text("\n".join(TEXT))
    return FilesConfig(
        train=SplitFiles(str(tmp_path / "text"), str(tmp_path / "text")),
        tokenizer=TokenizerConfig(source_model=str(model)),
    )


def test_a_run_says_of_a_model_what_is_true(config: FilesConfig) -> None:
    assert check(config) == []
    saved = with_model_facts(config)
    assert (saved.tokenizer.kind, saved.tokenizer.vocab_size) == (TokenizerKind.unigram, 30)
    assert check(saved) == []
    trained = replace(config, tokenizer=TokenizerConfig())
    assert with_model_facts(trained) == trained


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": TokenizerKind.word}, "data.tokenizer.kind: must be unigram, as that of"),
        ({"vocab_size": 36}, "data.tokenizer.vocab_size: must be 30, as that of"),
    ],
)
def test_options_that_contradict_a_model_are_refused(
    config: FilesConfig, options: dict[str, object], says: str
) -> None:
    config.tokenizer = replace(config.tokenizer, **options)  # type: ignore[arg-type]
    (problem,) = check(config)
    assert problem.startswith(says)


def test_a_damaged_model_is_refused_before_anything_else(config: FilesConfig, model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-40])
    (problem,) = check(config)
    assert "a.model: is " in problem


def test_text_in_another_normal_form_is_named(tmp_path: Path) -> None:
    options = TokenizerConfig(vocab_size=50)
    composed = ["é à ü ö", "ñ é ô"] * 9
    tokenizer = Tokenizer.train(TEXT + composed, tmp_path / "a.model", config=options)

    def warnings(texts: list[str], options: TokenizerConfig) -> list[str]:
        ids = tokenizer.encode_column(texts)
        return list(unknown_warnings("test source", ids, texts, tokenizer, options))

    assert warnings(composed, options) == []
    (warning,) = warnings([unicodedata.normalize("NFD", text) for text in composed], options)
    assert "test source subwords are <unk>; the tokenizer knows text in the normal" in warning
    (warning,) = warnings(["日本"], options)
    assert "byte_fallback=true spells them" in warning
    (warning,) = warnings(["日本"], TokenizerConfig(source_model="m"))
    assert "use a tokenizer that was trained on such text" in warning
