"""Training that begins with the weights of a finished run: `init_from=DIR`.

The vocabulary comes with the weights, and the model must be the same but for its dropout. All else is the new run's
own: corpus, optimizer, schedule, augmentation, guided alignment. Imports no torch before there is something to load.
"""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.bundle.locate import find_bundle, saved_config
from seq2seq.config.schema import RunConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from seq2seq.model.transformer import Transformer


def init_from_problems(config: RunConfig) -> list[str]:
    """Every problem with the run that `init_from` names."""
    if config.init_from is None:
        return []
    try:
        saved = saved_config(Path(config.init_from))
    except CheckpointError as error:
        return [f"init_from: {error}"]
    problems = [
        f"model.{path}: must be {theirs}, as in {config.init_from}, not {own}; set it so, or leave init_from out"
        for path, theirs, own in differences(
            replace(saved.model, dropout=config.model.dropout), config.model
        )
    ]
    if config.data.tokenizer != type(config.data)().tokenizer:
        problems.append("data.tokenizer: comes with init_from; leave its options out")
    return problems


def differences(theirs: Any, own: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """The options in which two configurations of one kind differ, with both values."""
    if not (is_dataclass(theirs) and type(theirs) is type(own)):
        return (
            []
            if theirs == own
            else [(path, *(getattr(side, "name", side) for side in (theirs, own)))]
        )
    return [
        found
        for item in fields(theirs)
        for found in differences(
            getattr(theirs, item.name),
            getattr(own, item.name),
            f"{path}.{item.name}" if path else item.name,
        )
    ]


def with_vocabulary(config: RunConfig) -> RunConfig:
    """The configuration with the tokenizers of the run that `init_from` names."""
    if config.init_from is None:
        return config
    path = find_bundle(Path(config.init_from))
    saved = saved_config(path)
    joint = saved.data.tokenizer.joint
    names = ("joint", "joint") if joint else ("source", "target")
    models = [str((path / "tokenizer" / f"{name}.model").resolve()) for name in names]
    tokenizer = TokenizerConfig(
        kind=saved.data.tokenizer.kind,
        vocab_size=saved.data.tokenizer.vocab_size,
        joint=joint,
        source_model=models[0],
        target_model=None if joint else models[1],
    )
    return replace(config, data=replace(config.data, tokenizer=tokenizer))


def load_initial_weights(model: "Transformer", config: RunConfig) -> None:
    """Give a model the weights of the run that `init_from` names, if it names one.

    Raises:
        UserError: they cannot be read, or are those of another model.
    """
    if config.init_from is None:
        return
    from seq2seq.bundle.files import load_bundle

    given = load_bundle(Path(config.init_from)).model.state_dict()
    try:
        model.load_state_dict(given)
    except RuntimeError as error:
        raise ConfigError(
            f"init_from: {config.init_from} has other weights than this model: {error}"
        ) from error
