"""Rules between alignment, its supervision, and the rest of a run's configuration."""

from collections.abc import Iterator
from dataclasses import replace

from seq2seq.alignment.config import AlignmentConfig, Measure
from seq2seq.attention.config import AttentionConfig, WeightKind
from seq2seq.attention.modifier_options import Gate
from seq2seq.config.schema import RunConfig
from seq2seq.model.config import ModelConfig, by_layer
from seq2seq.options import in_range
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind

Problems = Iterator[str]
LayerChoice = AlignmentConfig | AlignmentSupervisionConfig


def alignment_problems(run: RunConfig) -> Problems:
    """The layer and heads of alignment must exist, and an explicit request needs weights.

    With alignment supervision they are those of the supervised head unless set: they are then
    checked there.
    """
    alignment, supervision = run.alignment, run.alignment_supervision
    supervised = supervision.kind is not SupervisionKind.none
    layers = cross_attentions(run.model)
    wrong = list(layer_problems("alignment.layer", alignment, len(layers)))
    if not (supervised and alignment.layer == supervision.layer):
        yield from wrong
    for head in alignment.heads if in_range(run.model, "num_heads") else []:
        if head >= run.model.num_heads and not (supervised and head == supervision.head):
            yield f"alignment.heads: {head} is not one of the {run.model.num_heads} heads"
    if alignment.enabled is True and has_layer(alignment, len(layers)):
        config = layers[alignment.layer]
        if config.weights is WeightKind.none:
            yield (
                f"alignment.enabled: {config.name} has {config.weights.value}; choose another "
                "cross_attention or alignment.enabled=false"
            )
    by_norms = alignment.measure is Measure.norm and has_layer(alignment, len(layers))
    if by_norms and layers[alignment.layer].gate is not Gate.none:
        yield (
            "alignment.measure: norm needs a cross-attention without a gate, but that of layer "
            f"{alignment.layer} has one; choose measure=weights, or gate=none there"
        )


def alignment_supervision_problems(run: RunConfig) -> Problems:
    """The supervised head must exist and have weights; supervision by links needs links."""
    supervision, layers = run.alignment_supervision, cross_attentions(run.model)
    if supervision.kind is SupervisionKind.none:
        return
    if supervision.kind is not SupervisionKind.auto:
        yield from obstacles(run, supervision.kind)
    heads_in_range = in_range(supervision, "head") and in_range(run.model, "num_heads")
    if heads_in_range and supervision.head >= run.model.num_heads:
        yield (
            f"alignment_supervision.head: {supervision.head} is not one of the "
            f"{run.model.num_heads} heads, counted from 0"
        )
    yield from layer_problems("alignment_supervision.layer", supervision, len(layers))


def obstacles(run: RunConfig, kind: SupervisionKind) -> Problems:
    """Why a kind of supervision is impossible with this corpus and this model."""
    aligners = {
        SupervisionKind.runs: "two runs align",
        SupervisionKind.statistical: "the statistical aligner aligns",
    }
    if kind in aligners and run.data.source_kind != "text":
        yield (
            f"alignment_supervision: {aligners[kind]} text only, but the sources are "
            f"{run.data.source_kind}; choose alignment_supervision=links or none"
        )
    if kind is SupervisionKind.links and not run.data.has_links():
        yield (
            f"alignment_supervision: data={run.data.name} has no word alignments; give "
            "data.train.links with data=files, or choose alignment_supervision=statistical, or "
            "alignment_supervision=runs with two trained runs"
        )
    dropout = run.data.augmentation.bpe_dropout
    if dropout and not run.data.has_links():  # which is refused with links already
        yield (
            f"data.augmentation.{dropout}: must be 0 with alignment_supervision, whose links have "
            "fixed places in the subwords; choose one of them"
        )
    yield from weight_obstacles(run)


def weight_obstacles(run: RunConfig) -> Problems:
    """The supervised layer must have weights, each of them with a gradient."""
    supervision, layers = run.alignment_supervision, cross_attentions(run.model)
    path = "alignment_supervision.layer"
    if has_layer(supervision, len(layers)):
        config = layers[supervision.layer]
        if config.weights is WeightKind.none:
            yield (
                f"{path}: {config.name}, the cross-attention of layer {supervision.layer}, has "
                f"{config.weights.value}; choose another cross_attention, or another layer"
            )
        elif config.weights is WeightKind.signed:
            yield (
                f"{path}: {config.name}, the cross-attention of layer {supervision.layer}, has "
                f"{config.weights.value}, which cannot be taught links; choose another "
                "cross_attention, or another layer"
            )
        elif config.sparse_weights or config.signed_weights:
            yield (
                f"{path}: weights of layer {supervision.layer} may be zero or negative, and then "
                "have no gradient; choose normaliser=softmax without mixing there, or another layer"
            )


def supervision_kind(run: RunConfig) -> tuple[SupervisionKind, str]:
    """The kind of supervision that a run has, and why auto is none; "" otherwise."""
    kind = run.alignment_supervision.kind
    if kind is not SupervisionKind.auto:
        return kind, ""
    reason = next(obstacles(run, SupervisionKind.statistical), "")
    return (SupervisionKind.none if reason else SupervisionKind.statistical), reason


def with_plain_reading(run: RunConfig) -> RunConfig:
    """A run that reads alignments as usual where auto supervises no head to read them from."""
    supervision, alignment = run.alignment_supervision, run.alignment
    of_head = (supervision.layer, [supervision.head], supervision.use_input_row)
    is_off = supervision.kind is not supervision_kind(run)[0] is SupervisionKind.none
    if not is_off or (alignment.layer, alignment.heads, alignment.use_input_row) != of_head:
        return run
    plain = AlignmentConfig()
    reading = replace(
        alignment,
        layer=plain.layer,
        heads=plain.heads,
        use_input_row=plain.use_input_row,
        null_links=plain.null_links,
    )
    return replace(run, alignment=reading)


def has_layer(config: LayerChoice, num_layers: int) -> bool:
    return -num_layers <= config.layer < num_layers


def layer_problems(path: str, config: LayerChoice, num_layers: int) -> Problems:
    """A problem if there is no such decoder layer."""
    if in_range(config, "layer") and not has_layer(config, num_layers):
        yield (
            f"{path}: {config.layer} is not one of the {num_layers} decoder layers; choose from 0 "
            f"to {num_layers - 1}, or from -1, the last, to {-num_layers}"
        )


def cross_attentions(model: ModelConfig) -> list[AttentionConfig]:
    """The cross-attention of each decoder layer; of one layer if their number is impossible."""
    decoder = model.decoder
    depth = min(max(decoder.num_layers, 1), 10_000)
    return by_layer(decoder.cross_attention, decoder.layer_cross_attention, depth)
