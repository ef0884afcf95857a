"""Options that cannot be honoured are told all at once, by path, before anything is read."""

import subprocess
import sys
from pathlib import Path

import pytest

from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.config import (
    AugmentationConfig,
    DataConfig,
    FilterConfig,
    TokenizerConfig,
    TokenizerKind,
)
from seq2seq.data.corpora import TatoebaConfig
from seq2seq.data.sources.base import check
from seq2seq.options import problems_in


def config(**options: object) -> DataConfig:
    return TatoebaConfig(**options)  # type: ignore[arg-type]


def option_problems(config: DataConfig) -> list[str]:
    return list(problems_in(config, "data."))


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (config(source_language=""), "data.source_language"),
        (config(max_target_length=1), "data.max_target_length"),
        (config(limit_train=0), "data.limit_train"),
        (config(tokenizer=TokenizerConfig(vocab_size=4)), "data.tokenizer.vocab_size"),
        (
            config(tokenizer=TokenizerConfig(vocab_size=260, byte_fallback=True)),
            "data.tokenizer.vocab_size",
        ),
        (
            config(tokenizer=TokenizerConfig(character_coverage=1.1)),
            "data.tokenizer.character_coverage",
        ),
        (
            config(tokenizer=TokenizerConfig(kind=TokenizerKind.word, byte_fallback=True)),
            "data.tokenizer.byte_fallback",
        ),
        (config(filters=FilterConfig(min_length=0)), "data.filters.min_length"),
        (config(filters=FilterConfig(max_length_ratio=0.5)), "data.filters.max_length_ratio"),
        (config(augmentation=AugmentationConfig(concatenate=0)), "data.augmentation.concatenate"),
        (
            config(augmentation=AugmentationConfig(split_probability=1.0)),
            "data.augmentation.split_probability",
        ),
        (
            config(augmentation=AugmentationConfig(split_probability=0.1, split_samples=0)),
            "data.augmentation.split_samples",
        ),
        (
            config(augmentation=AugmentationConfig(shuffle_targets=True)),
            "data.augmentation.shuffle_targets",
        ),
        (
            config(augmentation=AugmentationConfig(split_samples=2)),
            "data.augmentation.split_samples",
        ),
        (
            config(
                augmentation=AugmentationConfig(split_probability=0.1),
                tokenizer=TokenizerConfig(kind=TokenizerKind.word),
            ),
            "data.augmentation.split_probability",
        ),
        (config(batch=BatchConfig(max_tokens=127)), "data.batch.max_tokens"),
        (config(batch=BatchConfig(max_shapes=1)), "data.batch.max_shapes"),
    ],
)
def test_each_problem_has_its_path(wrong: DataConfig, path: str) -> None:
    (problem,) = option_problems(wrong)
    assert problem.startswith(f"{path}: ")


def test_models_for_one_side_or_two(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).touch()
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert option_problems(config(tokenizer=TokenizerConfig(source_model=a))) == []
    assert (
        option_problems(
            config(tokenizer=TokenizerConfig(source_model=a, target_model=b, joint=False))
        )
        == []
    )
    (problem,) = option_problems(config(tokenizer=TokenizerConfig(source_model=a, target_model=b)))
    assert problem.startswith("data.tokenizer.joint: must be false for two different models")
    (problem,) = option_problems(config(tokenizer=TokenizerConfig(target_model=b, joint=False)))
    assert problem.startswith("data.tokenizer.source_model: must be set")


def test_a_model_that_does_not_exist_is_named() -> None:
    (problem,) = check(config(tokenizer=TokenizerConfig(source_model="absent.model")))
    assert problem.startswith("data.tokenizer.source_model: must be a SentencePiece model, but")


def test_all_problems_at_once() -> None:
    wrong = config(source_language="", limit_train=0, filters=FilterConfig(min_length=0))
    assert [problem.split(":")[0] for problem in check(wrong)] == [
        "data.limit_train",
        "data.source_language",
        "data.filters.min_length",
    ]
    (problem,) = check(config(source_language="fr"))
    assert problem.startswith("data.source_language: ")


def test_checking_imports_nothing_slow() -> None:
    """A wrong option must be refused at once, so no check may import what takes seconds."""
    code = (
        "import sys\n"
        "from seq2seq.data.corpora import TatoebaConfig\n"
        "from seq2seq.data.sources.base import check\n"
        "assert check(TatoebaConfig()) == []\n"
        "heavy = ('torch', 'datasets', 'pyarrow', 'pandas')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
