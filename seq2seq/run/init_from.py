"""Starting from a finished run: `init_from=DIR` gives a new run its weights and its vocabulary.

The model must be the same except for its dropout. Everything else may differ: corpus, optimizer,
schedule, augmentation, supervision. Imports torch only to load the weights.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.bundle.locate import find_bundle, saved_config
from seq2seq.config.plain import differences
from seq2seq.config.schema import RunConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from seq2seq.model.transformer import Transformer


def init_from_problems(config: RunConfig) -> list[str]:
    """Why the run that `init_from` names cannot initialise this one."""
    if config.init_from is None:
        return []
    try:
        saved = saved_config(Path(config.init_from))
    except CheckpointError as error:
        return [f"init_from: {error}"]
    saved_model = replace(saved.model, dropout=config.model.dropout)
    problems = [
        f"model.{path}: must be {_shown(expected)}, as in {config.init_from}, not {_shown(value)}; "
        "set it to that, or leave init_from out"
        for path, expected, value in differences(saved_model, config.model)
    ]
    kind, saved_kind = config.data.source_kind, saved.data.source_kind
    if kind != saved_kind:
        problems.append(
            f"data.source_kind: must be {saved_kind}, as in {config.init_from}, not {kind}; choose "
            "data of that kind, or leave init_from out"
        )
    if config.data.tokenizer != type(config.data)().tokenizer:
        problems.append("data.tokenizer: comes with init_from; leave its options out")
    return problems


def _shown(value: Any) -> Any:
    """The name of a mechanism, scheme or choice, and any other value unchanged."""
    return getattr(value, "name", value)


def with_vocabulary(config: RunConfig) -> RunConfig:
    """A configuration with the tokenizers of the run that `init_from` names."""
    if config.init_from is None:
        return config
    folder = find_bundle(Path(config.init_from)).resolve() / "tokenizer"
    saved = saved_config(folder.parent).data.tokenizer
    joint, source, target = (folder / f"{name}.model" for name in ("joint", "source", "target"))
    source = joint if joint.is_file() else source
    tokenizer = TokenizerConfig(
        kind=saved.kind,
        vocab_size=saved.vocab_size,
        joint=saved.joint,
        source_model=str(source) if source.is_file() else None,  # of text alone
        target_model=None if joint.is_file() else str(target),
    )
    return replace(config, data=replace(config.data, tokenizer=tokenizer))


def load_initial_weights(model: "Transformer", config: RunConfig) -> None:
    """Give a model the weights of the run that `init_from` names; without one, do nothing.

    Raises:
        UserError: they cannot be read, or do not fit the model.
    """
    if config.init_from is None:
        return
    from seq2seq.bundle.files import load_bundle

    weights = load_bundle(Path(config.init_from)).model.state_dict()
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ConfigError(
            f"init_from: {config.init_from} does not have the weights of this model: {error}"
        ) from error
