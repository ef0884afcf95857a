"""Tokenizers: the same text gives the same model, and text comes back as it went in."""

import io
import random
from pathlib import Path

import pytest
import sentencepiece

from seq2seq.data.config import MAXIMUM_KINDS, TokenizerConfig, TokenizerKind
from seq2seq.data.tokenizer import NUM_THREADS, Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import tokens_of_characters
from seq2seq.errors import DataError
from tests.words import WORDS

HARD = [
    "日本語の文。中文句子！",
    "مرحبا بالعالم",
    "שלום עולם",
    "😀👍🏽 emoji 👨‍👩‍👧",
    "½ ﬁne ① Ⅷ",
    "e\u0301 versus é",
    "<s> </s> <unk> <pad> typed by hand",
    "naïve—“quotes” … €5.00 50%",
    "a < b > c / d: two spaces, thank me many",
]


def sentences(count: int = 400) -> list[str]:
    draw = random.Random(1)
    return [" ".join(draw.choices(WORDS, k=draw.randint(3, 9))) for _ in range(count)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    config = TokenizerConfig(vocab_size=250)
    return Tokenizer.train(
        sentences() + HARD * 3, tmp_path_factory.mktemp("spm") / "a.model", config=config
    )


@pytest.fixture(scope="module")
def byte_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    config = TokenizerConfig(vocab_size=310, byte_fallback=True)
    return Tokenizer.train(sentences(), tmp_path_factory.mktemp("spm") / "a.model", config=config)


@pytest.mark.parametrize("kind", list(TokenizerKind))
def test_training_is_deterministic_and_specials_are_fixed(
    tmp_path: Path, kind: TokenizerKind
) -> None:
    size = {TokenizerKind.word: 4 + len(WORDS), TokenizerKind.char: 23}.get(kind, 36)
    config = TokenizerConfig(kind=kind, vocab_size=1000 if kind in MAXIMUM_KINDS else size)
    first = Tokenizer.train(sentences(), tmp_path / "a" / "first.model", config=config)
    second = Tokenizer.train(sentences(), tmp_path / "second.model", config=config)
    assert first.sha256 == second.sha256
    assert first.subwords([0, 1, 2, 3]) == ["<unk>", "<pad>", "<s>", "</s>"]
    assert first.vocab_size == size
    loaded = Tokenizer.load(tmp_path / "second.model")
    assert loaded.sha256 == first.sha256
    assert loaded.encode("a dog runs") == first.encode("a dog runs")
    other = Tokenizer.train(
        sentences()[:200] + ["xyz"] * 9, tmp_path / "other.model", config=config
    )
    assert other.sha256 != first.sha256


def test_the_hash_is_of_the_vocabulary_and_not_of_the_file(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    smaller = Tokenizer.train(
        sentences() + HARD * 3, tmp_path / "a.model", config=TokenizerConfig(vocab_size=240)
    )
    assert smaller.sha256 != tokenizer.sha256
    threads = NUM_THREADS.to_bytes(1, "little")  # field 16 of the trainer's settings
    other = tokenizer.model.replace(b"\x80\x01" + threads, b"\x80\x01\x09")
    assert other != tokenizer.model
    assert Tokenizer(other, name="other").sha256 == tokenizer.sha256


@pytest.mark.parametrize(
    "text", [*HARD, "the dog", "", "  two  spaces\tand\u00a0more \u3000 here "]
)
def test_round_trip(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert Tokenizer.UNK_ID not in ids
    assert tokenizer.decode(ids) == " ".join(text.split())
    assert tokenizer.encode_batch([text, "the dog"]) == [ids, tokenizer.encode("the dog")]


def test_byte_fallback_spells_any_text(byte_tokenizer: Tokenizer) -> None:
    for text in HARD:
        assert byte_tokenizer.decode(byte_tokenizer.encode(text)) == text


def test_special_ids_leave_no_trace_in_text(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("the dog runs")
    with_specials = [Tokenizer.BOS_ID, *ids, Tokenizer.UNK_ID, Tokenizer.EOS_ID, Tokenizer.PAD_ID]
    assert tokenizer.decode(with_specials) == "the dog runs"
    unknown = tokenizer.encode("the Ω dog")
    assert Tokenizer.UNK_ID in unknown
    assert tokenizer.decode(unknown) == "the dog"


@pytest.mark.parametrize(
    "text",
    [
        *HARD,
        "the dog",
        "  leading and  double\tspace ",
        "Ω unknown ΩΩ x",
        "a\u00a0b\u2003c",
        "",
        "   ",
        "ab" * 40,
    ],
)
@pytest.mark.parametrize("byte_fallback", [False, True])
def test_every_character_of_a_word_lies_in_pieces_of_that_word(
    tokenizer: Tokenizer, byte_tokenizer: Tokenizer, text: str, byte_fallback: bool
) -> None:
    tokenizer = byte_tokenizer if byte_fallback else tokenizer
    ids, words = tokenizer.encode_words(text)
    assert ids == tokenizer.encode(text)
    assert len(ids) == len(words)
    pieces = tokenizer.subwords(ids)
    assert [word < 0 for word in words] == [piece == "▁" for piece in pieces]
    in_words = [word for word in words if word >= 0]
    assert in_words == sorted(in_words)
    assert set(in_words) == set(range(len(text.split())))
    if Tokenizer.UNK_ID not in ids:
        for number, word in enumerate(text.split()):
            own = [index for index, of_word in zip(ids, words, strict=True) if of_word == number]
            assert tokenizer.decode(own) == word


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("don't!  ¿Sí?", ["don", "'", "t", "!", "¿", "Sí", "?"]),
        ("It costs 3.50 €", ["It", "costs", "3", ".", "50", "€"]),
        ("हिन्दी e\u0301té.", ["हिन्दी", "e\u0301té", "."]),
        (" a\u00a0b\t", ["a", "b"]),
        ("", []),
    ],
)
def test_tokens_are_words_and_single_other_characters(
    byte_tokenizer: Tokenizer, text: str, tokens: list[str]
) -> None:
    numbers = tokens_of_characters(text)
    spelled = dict.fromkeys(range(len(tokens)), "")
    for character, number in zip(text, numbers, strict=True):
        assert (number == -1) == character.isspace()
        if number >= 0:
            spelled[number] += character
    assert list(spelled.values()) == tokens
    of_pieces = [
        token for token in byte_tokenizer.encode_words(text, tokens_of_characters)[1] if token >= 0
    ]
    assert sorted(set(of_pieces)) == list(range(len(tokens)))


@pytest.mark.parametrize("text", [*HARD, "the dog", "the Ω dog", ""])
@pytest.mark.parametrize("byte_fallback", [False, True])
def test_words_of_ids_are_those_of_the_decoded_text(
    tokenizer: Tokenizer, byte_tokenizer: Tokenizer, text: str, byte_fallback: bool
) -> None:
    tokenizer = byte_tokenizer if byte_fallback else tokenizer
    ids = [Tokenizer.BOS_ID, *tokenizer.encode(text), Tokenizer.EOS_ID, Tokenizer.PAD_ID]
    words = tokenizer.words_of_ids(ids)
    assert len(words) == len(ids)
    for index, piece, word in zip(ids, tokenizer.subwords(ids), words, strict=True):
        assert not (piece == "▁" or index <= Tokenizer.EOS_ID) or word == -1
    decoded = tokenizer.decode(ids).split()
    for number, word in enumerate(decoded):
        own = [index for index, of_word in zip(ids, words, strict=True) if of_word == number]
        assert tokenizer.decode(own) == word
    assert max(words) == len(decoded) - 1


def test_words_are_found_although_the_model_normalises(tmp_path: Path) -> None:
    """A model that a user brings may turn one character into three, or three into one."""
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences() + HARD * 3),
        model_writer=buffer,
        vocab_size=250,
        model_type="bpe",
        unk_id=0,
        pad_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    tokenizer = Tokenizer(buffer.getvalue(), name="nfkc")
    ids, words = tokenizer.encode_words("ﬁne  ½ dog")
    spelled = dict.fromkeys(range(3), "")
    for piece, word in zip(tokenizer.subwords(ids), words, strict=True):
        if word >= 0:
            spelled[word] += piece.replace("▁", "")
    assert spelled == {0: "fine", 1: "1⁄2", 2: "dog"}


@pytest.mark.parametrize(
    ("config", "text", "says"),
    [
        (
            TokenizerConfig(vocab_size=9000),
            ["a small text"],
            "is more than this text allows; choose at most",
        ),
        (TokenizerConfig(vocab_size=6), ["abcdefgh"], "is less than the 13 that the characters"),
        (TokenizerConfig(), [], "no text to train a tokenizer on"),
        (TokenizerConfig(), ["", ""], "no text to train a tokenizer on"),
    ],
)
def test_training_that_cannot_be(
    tmp_path: Path, config: TokenizerConfig, text: list[str], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        Tokenizer.train(text, tmp_path / "a.model", config=config)
    assert list(tmp_path.iterdir()) == []


def test_the_most_that_a_text_allows_works(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        Tokenizer.train(sentences(), tmp_path / "a.model", config=TokenizerConfig(vocab_size=9000))
    most = int(str(error.value).split("at most ")[1].split(",")[0])
    trained = Tokenizer.train(
        sentences(), tmp_path / "a.model", config=TokenizerConfig(vocab_size=most)
    )
    assert trained.vocab_size == most


def test_models_that_are_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    path = tmp_path / "a.model"
    with pytest.raises(DataError, match="no such tokenizer model"):
        Tokenizer.load(path)
    for length in range(0, len(tokenizer.model), 61):
        path.write_bytes(tokenizer.model[:length])
        with pytest.raises(DataError, match=r"a\.model: is (not a SentencePiece|cut off|damaged)"):
            Tokenizer.load(path)


@pytest.mark.parametrize("joint", [True, False])
def test_pairs_of_tokenizers(tmp_path: Path, joint: bool) -> None:
    config = TokenizerConfig(vocab_size=41, joint=joint)
    other = [text.upper() for text in sentences()]
    made = Tokenizers.of(config, sentences(), other, tmp_path / "made")
    assert made.joint == joint
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == ({"joint.model"} if joint else {"source.model", "target.model"})
    made.save(tmp_path / "saved")
    loaded = Tokenizers.load(tmp_path / "saved")
    assert loaded.joint == joint
    assert loaded.source.sha256 == made.source.sha256
    assert loaded.target.sha256 == made.target.sha256


def test_models_that_exist_are_used_instead_of_training(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    tokenizer.save(tmp_path / "a.model")
    joint = Tokenizers.of(
        TokenizerConfig(target_model=str(tmp_path / "a.model")), [], [], tmp_path / "one"
    )
    assert joint.joint
    assert joint.source.sha256 == tokenizer.sha256
    other = Tokenizer.train(
        sentences(), tmp_path / "b.model", config=TokenizerConfig(vocab_size=38)
    )
    config = TokenizerConfig(
        joint=False, source_model=str(tmp_path / "b.model"), target_model=str(tmp_path / "a.model")
    )
    two = Tokenizers.of(config, [], [], tmp_path / "two")
    assert (two.source.sha256, two.target.sha256) == (other.sha256, tokenizer.sha256)
