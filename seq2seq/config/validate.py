"""Rules between options, checked before anything heavy is loaded. Every problem is reported, each with a way out."""

from collections.abc import Iterator
from typing import Any

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role, WeightKind
from seq2seq.config.saved import NAMED_LISTS
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError, choices
from seq2seq.metrics.base import METRICS, metric_problems
from seq2seq.model.config import ModelConfig, TiedEmbeddings, by_layer
from seq2seq.position.config import POSITION_SCHEMES, PositionKind
from seq2seq.training.config import LOSS, PRECISIONS, Export, SupervisionKind, TrainerConfig

Problems = Iterator[str]


def validate(run: RunConfig) -> None:
    """Raise ConfigError with everything that is wrong with a run."""
    problems = [
        *sizes(run),
        *attentions(run.model),
        *positions(run.model),
        *lengths(run),
        *training(run),
        *output(run),
    ]
    if problems:
        raise ConfigError(problems)


def sites(model: ModelConfig) -> Iterator[tuple[str, Role, AttentionConfig]]:
    """The option path, role and mechanism of every choice of attention."""
    encoder, decoder = model.encoder, model.decoder
    for path, role, default, chosen in (
        ("encoder.self_attention", Role.ENCODER, encoder.self_attention, encoder.layer_attention),
        ("decoder.self_attention", Role.CAUSAL, decoder.self_attention, decoder.layer_attention),
        (
            "decoder.cross_attention",
            Role.CROSS,
            decoder.cross_attention,
            decoder.layer_cross_attention,
        ),
    ):
        if not chosen:
            yield f"model.{path}", role, default
        for index, config in enumerate(chosen):
            option = "layer_cross_attention" if role is Role.CROSS else "layer_attention"
            yield f"model.{path.split('.')[0]}.{option}[{index}]", role, config


def sizes(run: RunConfig) -> Problems:
    """Widths, depths, heads and probabilities."""
    model = run.model
    for path, value in (
        ("model.d_model", model.d_model),
        ("model.num_heads", model.num_heads),
        ("model.d_ff", model.d_ff),
        ("model.encoder.num_layers", model.encoder.num_layers),
        ("model.decoder.num_layers", model.decoder.num_layers),
        ("model.max_source_length", model.max_source_length),
        ("model.max_target_length", model.max_target_length),
    ):
        if value < 1:
            yield f"{path}: must be at least 1, not {value}"
    if not 0 <= model.dropout < 1:
        yield f"model.dropout: must be at least 0 and below 1, not {model.dropout}"
    if model.num_heads >= 1 and model.d_model % model.num_heads:
        legal = [str(n) for n in range(1, min(model.d_model, 64) + 1) if model.d_model % n == 0]
        yield (
            f"model.num_heads: must divide model.d_model = {model.d_model}, which {model.num_heads} does not; "
            f"choose from {', '.join(legal)}"
        )
    if model.tied_embeddings is TiedEmbeddings.all and not run.data.tokenizer.joint:
        yield (
            "model.tied_embeddings: all needs one vocabulary for both sides; choose data.tokenizer.joint=true or "
            "model.tied_embeddings=target"
        )


def attentions(model: ModelConfig) -> Problems:
    """Roles, heads and the mechanisms' own options."""
    for path, role, config in sites(model):
        name = config.name
        if name not in MECHANISMS or not isinstance(config, MECHANISMS[name]):
            yield (
                f"{path}.name: is set by choosing a mechanism, not by hand; "
                f"{choices(name, list(MECHANISMS))}"
            )
            continue
        if role not in config.roles:
            legal = [name for name, kind in MECHANISMS.items() if role in kind.roles]
            yield f"{path}: {config.name} cannot serve as {role.value}; choose from {', '.join(legal)}"
        kv = config.num_kv_heads
        if kv is not None and kv >= 1 and model.num_heads % kv:
            legal = [str(n) for n in range(1, model.num_heads + 1) if model.num_heads % n == 0]
            yield (
                f"{path}.num_kv_heads: must divide model.num_heads = {model.num_heads}, which {kv} does not; "
                f"choose from {', '.join(legal)}"
            )
        for problem in config.problems():
            yield f"{path}.{problem}"


def positions(model: ModelConfig) -> Problems:
    """The position scheme, and whether both self-attentions can carry it."""
    scheme = model.position
    name = scheme.name
    if name not in POSITION_SCHEMES or not isinstance(scheme, POSITION_SCHEMES[name]):
        yield (
            "model.position.name: is set by position=..., not by hand; "
            f"{choices(name, list(POSITION_SCHEMES))}"
        )
        return
    for problem in scheme.problems():
        yield f"model.position.{problem}"
    if scheme.kind is PositionKind.rotary and model.num_heads >= 1 and model.head_dim % 2:
        yield f"model.position: {scheme.name} turns pairs of dimensions: model.d_model / model.num_heads must be even"
    for path, role, config in sites(model):
        if role is not Role.CROSS and not config.carries(scheme.kind):
            legal = [name for name, kind in POSITION_SCHEMES.items() if config.carries(kind.kind)]
            reason = (
                "rotates queries and keys, which loses its meaning in"
                if scheme.kind is PositionKind.rotary
                else "adds to query-key logits, which are never formed by"
            )
            yield f"model.position: {scheme.name} {reason} {config.name} ({path}); choose from {', '.join(legal)}"


def lengths(run: RunConfig) -> Problems:
    """What the data may hold must fit what the model is made for, and a batch must hold a sentence."""
    longest = 0
    for side in ("source", "target"):
        given, made = (
            getattr(run.data, f"max_{side}_length"),
            getattr(run.model, f"max_{side}_length"),
        )
        longest = max(longest, given)
        if given > made:
            yield (
                f"data.max_{side}_length: {given} subwords do not fit model.max_{side}_length = {made}; "
                f"lower the one or raise the other"
            )
        if given < 1:
            yield f"data.max_{side}_length: must be at least 1, not {given}"
    budget = run.data.batch.max_tokens
    if budget < longest:
        yield f"data.batch.max_tokens: {budget} do not hold one sentence of {longest} subwords; raise it"


def training(run: RunConfig) -> Problems:
    """Optimizer, schedule and trainer."""
    yield from trainer_problems(run.trainer)
    o = run.optimizer
    if o.learning_rate <= 0:
        yield f"optimizer.learning_rate: must be positive, not {o.learning_rate}"
    for name, value in (
        ("beta1", o.beta1),
        ("beta2", o.beta2),
        ("label_smoothing", o.label_smoothing),
    ):
        if not 0 <= value < 1:
            yield f"optimizer.{name}: must be at least 0 and below 1, not {value}"
    for path, number in (
        ("optimizer.weight_decay", o.weight_decay),
        ("optimizer.clip_norm", o.clip_norm),
        ("schedule.warmup_steps", run.schedule.warmup_steps),
    ):
        if number < 0:
            yield f"{path}: must not be negative, as {number} is"


def trainer_problems(trainer: TrainerConfig) -> Problems:
    """The trainer's own options."""
    for name in (
        "max_steps",
        "accumulate",
        "num_nodes",
        "report_every",
        "validate_every",
        "checkpoint_every",
        "average_last",
    ):
        value = getattr(trainer, name)
        if value < 1:
            yield f"trainer.{name}: must be at least 1, not {value}"
    for name in ("bleu_lines", "patience", "num_threads"):
        value = getattr(trainer, name)
        if value < 0:
            yield f"trainer.{name}: must not be negative, as {value} is"
    if trainer.precision not in PRECISIONS:
        yield f"trainer.precision: {trainer.precision!r} is unknown; {choices(trainer.precision, list(PRECISIONS))}"
    if trainer.metric not in (LOSS, *METRICS):
        yield (
            f"trainer.metric: must be loss or the name of a metric, not {trainer.metric!r}; "
            f"{choices(trainer.metric, [LOSS, *METRICS])}"
        )
    if (
        trainer.metric != LOSS
        and trainer.bleu_lines == 0
        and (trainer.patience or trainer.export is Export.best)
    ):
        yield (
            f"trainer.metric: {trainer.metric} needs translations; choose trainer.bleu_lines of at "
            "least 1, or trainer.metric=loss"
        )


def output(run: RunConfig) -> Problems:
    """Decoding and alignment, and whether the model can give what they ask for."""
    for problem in run.decoding.problems():
        yield f"decoding.{problem}"
    for problem in run.alignment.problems():
        yield f"alignment.{problem}"
    yield from alignment(run)
    for problem in run.alignment_supervision.problems():
        yield f"alignment_supervision.{problem}"
    yield from alignment_supervision(run)
    yield from metric_problems(run.metrics)
    for option in NAMED_LISTS:
        yield from listed(option, getattr(run, option))


def listed(option: str, entries: list[Any]) -> Problems:
    """The options of each entry of a list of choices, and entries that are listed twice."""
    names = [entry.name for entry in entries]
    for index, entry in enumerate(entries):
        for problem in entry.problems():
            yield f"{option}[{index}].{problem}"
        if entry.name in names[:index]:
            yield f"{option}[{index}]: {entry.name} is listed twice; list it once"


def alignment(run: RunConfig) -> Problems:
    """An explicit request for alignments needs a layer that exists and says where it looks."""
    if run.alignment.enabled is not True:
        return
    layers = cross_attentions(run.model)
    if not -len(layers) <= run.alignment.layer < len(layers):
        yield f"alignment.layer: {run.alignment.layer} is not one of the {len(layers)} decoder layers"
        return
    chosen = layers[run.alignment.layer]
    if chosen.weights is WeightKind.none:
        yield (
            f"alignment.enabled: {chosen.name} has {chosen.weights.value}; choose another cross_attention or "
            "alignment.enabled=false"
        )


def alignment_supervision(run: RunConfig) -> Problems:
    """The head that is to be taught must exist and have weights, and the corpus must have links if they teach it."""
    guide = run.alignment_supervision
    if guide.kind is SupervisionKind.none:
        return
    if guide.kind is SupervisionKind.links and not run.data.has_links():
        yield (
            f"alignment_supervision: data={run.data.name} has no word alignments of its own; give data.train.links with "
            "data=files, or choose alignment_supervision=runs with two trained runs"
        )
    if guide.head >= run.model.num_heads:
        yield f"alignment_supervision.head: {guide.head} is not one of the {run.model.num_heads} heads, counted from 0"
    layers = cross_attentions(run.model)
    if not -len(layers) <= guide.layer < len(layers):
        yield (
            f"alignment_supervision.layer: {guide.layer} is not one of the {len(layers)} decoder layers; choose from 0 to "
            f"{len(layers) - 1}, or from -1, the last, to {-len(layers)}"
        )
    elif layers[guide.layer].weights is WeightKind.none:
        chosen = layers[guide.layer]
        yield (
            f"alignment_supervision.layer: {chosen.name}, the cross-attention of layer {guide.layer}, has "
            f"{chosen.weights.value} to teach; choose another cross_attention, or another layer"
        )


def cross_attentions(model: ModelConfig) -> list[AttentionConfig]:
    """The cross-attention of each decoder layer; of one layer where there is none, which is reported elsewhere."""
    return by_layer(
        model.decoder.cross_attention,
        model.decoder.layer_cross_attention,
        max(model.decoder.num_layers, 1),
    )
