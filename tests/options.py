"""Every option of a run and of an evaluation, found in the dataclasses."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from seq2seq.attention.config import MECHANISMS, AttentionConfig
from seq2seq.config.describe import type_of
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.data.config import DataConfig
from seq2seq.data.corpora import CORPORA
from seq2seq.options import Options, Range, range_of
from seq2seq.position.config import POSITION_SCHEMES, PositionConfig
from seq2seq.training.auxiliary import AUXILIARY_LOSSES
from seq2seq.training.transforms import BATCH_TRANSFORMS

CORPUS_CHOICES = {
    "tatoeba": ["data=tatoeba_en_es"],
    "multi30k": ["data=multi30k_en_de"],
    "files": ["data=files", "data.train.source=a", "data.train.target=b"],
    "hub": ["data=hub", "data.path=a", "data.source_language=b", "data.target_language=c"],
    "generated": ["data=copy"],
    "tones": ["data=tones"],
}
SUPERVISED = [
    *("alignment_supervision=links", "data=copy", "alignment.layer=-1", "alignment.heads=[0]"),
    "alignment.use_input_row=false",
]
READ_WITH = {
    "model.encoder.self_attention.qk_norm_scale": ["model.encoder.self_attention.qk_norm=true"],
    "model.encoder.self_attention.sink_logit": ["model.encoder.self_attention.sink=learned"],
    "model.encoder.self_attention.entmax_alpha": [
        "model.encoder.self_attention.normaliser=alpha_entmax"
    ],
    "model.encoder.self_attention.top_k": ["model.encoder.self_attention.normaliser=top_k"],
    "auxiliary_losses[r_drop]": ["model.dropout=0.1"],
    "alignment.threshold": ["alignment.method=threshold"],
    "decoding.temperature": ["decoding.method=sampling"],
    "decoding.top_k": ["decoding.method=sampling"],
    "decoding.top_p": ["decoding.method=sampling"],
    "decoding.seed": ["decoding.method=sampling"],
    "data.augmentation.shuffle_targets": ["data.augmentation.concatenate=3"],
    "data.augmentation.split_samples": ["data.augmentation.split_probability=0.1"],
    "logger.address": ["logger=mlflow"],
    "logger.project": ["logger=wandb"],
    "logger.tags": ["logger=wandb"],
    **{
        f"schedule.cooldown_{name}": [
            *("schedule=flat_cooldown", "schedule.cooldown_shape=power", "schedule.warmup_steps=1")
        ]
        for name in ("share", "shape", "power")
    },
    "trainer.ema_decay": ["trainer.export=ema"],
    "trainer.tail_share": ["trainer.export=tail"],
    **{
        f"optimizer.muon.{name}": ["optimizer.matrices=muon"]
        for name in ("learning_rate", "momentum", "weight_decay", "newton_schulz_steps")
    },
    **{
        f"alignment_supervision.{name}": SUPERVISED
        for name in ("weight", "layer", "head", "use_input_row")
    },
}  # options that are read only together with others


@dataclass(frozen=True)
class Option:
    """An option of a configuration.

    Attributes:
        key: names it uniquely: "decoding.beam_size", "local.window", "evaluate.split".
        kind, name: the dataclass and its field.
        path: as it is typed: "model.encoder.self_attention.window".
        context: overrides under which it is read.
    """

    key: str
    kind: type
    name: str
    path: str
    context: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.key

    @property
    def type(self) -> Any:
        return type_of(self.kind, self.name)

    @property
    def range(self) -> Range | None:
        return range_of(self.kind, self.name)

    @property
    def is_number(self) -> bool:
        return self.type in (int, float)


@cache
def every_option() -> tuple[Option, ...]:
    """All options: shared ones of a family of classes once, those of a class by its name."""
    return (
        *_tree(RunConfig(), ""),
        *_tree(EvaluateConfig(), "", prefix="evaluate."),
        *_mechanisms(),
        *_position_schemes(),
        *_corpora(),
        *_listed(),
    )


def numbers() -> list[Option]:
    return [option for option in every_option() if option.is_number]


def _tree(config: Any, path: str, prefix: str = "") -> Iterator[Option]:
    """The options of a dataclass and of those in it that are not chosen by name."""
    kind = DataConfig if isinstance(config, DataConfig) else type(config)
    for item in fields(kind):
        value, own_path = getattr(config, item.name), f"{path}{item.name}"
        if isinstance(value, AttentionConfig | PositionConfig):
            continue
        if isinstance(value, Options):
            if not prefix:
                yield from _tree(value, f"{own_path}.")
        elif own_path != "data.name":
            context = tuple(READ_WITH.get(own_path, ()))
            yield Option(f"{prefix}{own_path}", kind, item.name, own_path, context)


def _further(base: type, kind: type) -> list[str]:
    """The options that a class adds to those of its base."""
    shared = {item.name for item in fields(base)}
    return [item.name for item in fields(kind) if item.name not in shared]


def _mechanisms() -> Iterator[Option]:
    path = "model.encoder.self_attention"
    for item in fields(AttentionConfig):
        if item.name != "name":
            own_path = f"{path}.{item.name}"
            context = tuple(READ_WITH.get(own_path, ()))
            yield Option(f"attention.{item.name}", AttentionConfig, item.name, own_path, context)
    for mechanism, kind in MECHANISMS.items():
        for name in _further(AttentionConfig, kind):
            context = (f"encoder_attention={mechanism}",)
            yield Option(f"{mechanism}.{name}", kind, name, f"{path}.{name}", context)


def _position_schemes() -> Iterator[Option]:
    for scheme, kind in POSITION_SCHEMES.items():
        for name in _further(PositionConfig, kind):
            context = (f"position={scheme}",)
            yield Option(f"{scheme}.{name}", kind, name, f"model.position.{name}", context)


def _corpora() -> Iterator[Option]:
    for corpus, kind in CORPORA.items():
        for name in _further(DataConfig, kind):
            context = tuple(CORPUS_CHOICES[corpus])
            value = getattr(kind(), name)
            if isinstance(value, Options):
                for item in fields(value):  # type: ignore[arg-type]
                    path = f"data.{name}.{item.name}"
                    yield Option(
                        f"{corpus}.{name}.{item.name}", type(value), item.name, path, context
                    )
            else:
                yield Option(f"{corpus}.{name}", kind, name, f"data.{name}", context)


def _listed() -> Iterator[Option]:
    """Options of entries of lists. They cannot be typed by a path."""
    for option, registry in (
        ("batch_transforms", BATCH_TRANSFORMS),
        ("auxiliary_losses", AUXILIARY_LOSSES),
    ):
        for entry, kind in registry.items():
            context = tuple(READ_WITH.get(f"{option}[{entry}]", ()))
            for item in fields(kind):
                if item.name != "name":
                    path = f"{option}[0].{item.name}"
                    yield Option(f"{entry}.{item.name}", kind, item.name, path, context)
