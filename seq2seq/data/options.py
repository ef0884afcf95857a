"""What the options that every corpus has must satisfy."""

from pathlib import Path

from seq2seq.data.config import (
    BatchConfig,
    DataConfig,
    FilterConfig,
    TokenizerConfig,
    TokenizerKind,
)

NUM_SPECIALS = 4  # <unk> <pad> <s> </s>
NUM_BYTES = 256


def check_options(config: DataConfig) -> list[str]:
    """Every problem, as "data.option: what is wrong; what to choose"."""
    problems = []
    for side in ("source", "target"):
        if not getattr(config, f"{side}_language"):
            problems.append(
                f'data.{side}_language: must be set; give the code of the language, such as "en"'
            )
        if (length := getattr(config, f"max_{side}_length")) < 2:
            problems.append(
                f"data.max_{side}_length: must be at least 2 (a subword and </s>), not {length}"
            )
    if config.limit_train is not None and config.limit_train < 1:
        problems.append(
            f"data.limit_train: must be at least 1, not {config.limit_train}; null takes all pairs"
        )
    longest = max(config.max_source_length, config.max_target_length)
    return (
        problems
        + check_tokenizer(config.tokenizer)
        + check_filters(config.filters)
        + check_augmentation(config)
        + check_batch(config.batch, longest)
    )


def check_tokenizer(config: TokenizerConfig) -> list[str]:
    problems = []
    least = NUM_SPECIALS + 1 + (NUM_BYTES if config.byte_fallback else 0)
    if config.vocab_size < least:
        problems.append(
            f"data.tokenizer.vocab_size: must be at least {least} for these options, not {config.vocab_size}"
        )
    if not 0.98 <= config.character_coverage <= 1:
        problems.append(
            f"data.tokenizer.character_coverage: must be from 0.98 to 1, not {config.character_coverage}; 0.9995 suits "
            "Chinese and Japanese, 1 the rest"
        )
    if config.kind is TokenizerKind.word and config.byte_fallback:
        problems.append(
            "data.tokenizer.byte_fallback: words are not spelled in bytes; choose kind=bpe or kind=unigram"
        )
    models = {"source_model": config.source_model, "target_model": config.target_model}
    given = {name: model for name, model in models.items() if model is not None}
    for name, model in given.items():
        if not Path(model).is_file():
            problems.append(
                f"data.tokenizer.{name}: {model}: no such file; give a SentencePiece model, or null to train one"
            )
    if config.joint and len(set(given.values())) == 2:
        problems.append(
            "data.tokenizer.joint: two different models are given; set it to false, or give one model"
        )
    if not config.joint and len(given) == 1:
        missing = next(name for name in models if name not in given)
        problems.append(
            f"data.tokenizer.{missing}: must be set, because the other model is; give it, or set joint=true"
        )
    return problems


def check_filters(config: FilterConfig) -> list[str]:
    problems = []
    if config.min_length < 1:
        problems.append(
            f"data.filters.min_length: must be at least 1, not {config.min_length}; an empty side teaches nothing"
        )
    if config.max_length_ratio is not None and config.max_length_ratio < 1:
        problems.append(
            f"data.filters.max_length_ratio: must be at least 1, the longer side over the shorter, not "
            f"{config.max_length_ratio}; null allows any"
        )
    return problems


def check_augmentation(config: DataConfig) -> list[str]:
    problems = []
    augmentation = config.augmentation
    for name in ("concatenate", "split_samples"):
        if (value := getattr(augmentation, name)) < 1:
            problems.append(f"data.augmentation.{name}: must be at least 1, not {value}")
    if not 0 <= augmentation.split_probability < 1:
        problems.append(
            f"data.augmentation.split_probability: must be at least 0 and below 1, not {augmentation.split_probability}; choose 0.1"
        )
    if augmentation.split_probability and config.tokenizer.kind is TokenizerKind.word:
        problems.append(
            "data.augmentation.split_probability: whole words are not cut; choose 0, or data.tokenizer.kind=bpe"
        )
    if augmentation.shuffle_targets and augmentation.concatenate == 1:
        problems.append(
            "data.augmentation.shuffle_targets: is not read where no pairs are joined; set "
            "data.augmentation.concatenate, or leave it out"
        )
    if augmentation.split_samples > 1 and not augmentation.split_probability:
        problems.append(
            "data.augmentation.split_samples: is not read without cuts; set data.augmentation.split_probability, or leave it out"
        )
    return problems


def check_batch(config: BatchConfig, longest: int) -> list[str]:
    problems = []
    if config.max_tokens < longest:
        problems.append(
            f"data.batch.max_tokens: must hold one pair of the greatest length, {longest}, but is "
            f"{config.max_tokens}; raise it, or lower data.max_source_length and data.max_target_length"
        )
    if config.max_shapes < 2:
        problems.append(f"data.batch.max_shapes: must be at least 2, not {config.max_shapes}")
    return problems
