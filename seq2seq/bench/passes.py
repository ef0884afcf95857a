"""The list of passes of a fully fused training step of a Transformer.

This is the least work that a step needs, by which its speed is judged; it says what is fused, and
was fixed before the step was optimised. The rules:

- Passes over positions (products, element-wise passes, loss) see real tokens only, as if batches
  were packed without padding. Attention sees the widths of the batch.
- A bias, an activation's gradient of a bias, and the sum of two gradients cost nothing: they are
  part of the product or pass that writes the result.
- Between two sub-layers there is one pass, which does dropout, the residual connection and the norm
  of the next sub-layer (or the last norm of the stack), and one for their gradients.
- Attention is one kernel forward and one backward, and stores no weights.
- The loss is computed in blocks of rows whose logits stay in the cache, gradients with it, so that
  its products are three, as those of any other map.
- Dropout takes one random byte for each decision, and stores one byte.
- The optimizer reads parameters, gradients and two moments once, and writes all but the gradients;
  the norm of the gradients needs one more pass over them.
- Launching, Python, data, logging and the random seed cost nothing.
- The residual stream and all of the optimizer are float32; the inputs and outputs of products and
  attention are in the precision of the products.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from seq2seq.bench.work import (
    FLOAT_BYTES,
    Attention,
    Draws,
    Exponentials,
    Group,
    Pass,
    Product,
    Stream,
)

LOSS_ROWS = 512  # positions whose logits are in the cache at a time
NORM_FLOPS = 8  # for each element, forward; twice as many backward


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a Transformer and of the numbers that it is trained with.

    Attributes:
        kv_heads: heads of keys and values, of all attentions.
        target_vocab: rows of the output projection.
        parameters: trained values, shared ones counted once.
        has_dropout: whether dropout is greater than zero.
        element: bytes of the inputs and outputs of products: 4, or 2 in bfloat16.
        accumulate: micro-batches for each step of the optimizer.
    """

    d_model: int
    d_ff: int
    heads: int
    kv_heads: int
    encoder_layers: int
    decoder_layers: int
    target_vocab: int
    parameters: int
    has_dropout: bool
    element: int = FLOAT_BYTES
    accumulate: int = 1

    @property
    def head_dim(self) -> int:
        return self.d_model // self.heads

    @property
    def kv_width(self) -> int:
        """Width of keys, and of values."""
        return self.kv_heads * self.head_dim


@dataclass(frozen=True)
class BatchShape:
    """Sizes of a micro-batch.

    Attributes:
        source_width, target_width: positions of each row, padding included.
        source_tokens, target_tokens: real ones of all rows, with the ends of sentences.
    """

    rows: int
    source_width: int
    target_width: int
    source_tokens: int
    target_tokens: int


def step_passes(model: ModelShape, batch: BatchShape) -> list[Pass]:
    """All passes of one micro-batch, and its share of the optimizer."""
    source, target = batch.source_tokens, batch.target_tokens
    encoder, decoder = model.encoder_layers, model.decoder_layers
    return [
        *embedding("source embedding", model, source),
        *self_attention("encoder self-attention", model, source, encoder),
        *core(
            "encoder self-attention", model, batch, batch.source_width, batch.source_width, False
        ),
        *feed_forward("encoder feed-forward", model, source, encoder),
        *between("encoder", model, source, 2 * encoder),
        *embedding("target embedding", model, target),
        *self_attention("decoder self-attention", model, target, decoder),
        *core("decoder self-attention", model, batch, batch.target_width, batch.target_width, True),
        *cross_attention(model, batch),
        *core("cross-attention", model, batch, batch.target_width, batch.source_width, False),
        *feed_forward("decoder feed-forward", model, target, decoder),
        *between("decoder", model, target, 3 * decoder),
        *loss(model, target),
        *optimizer(model),
    ]


def linear(
    name: str, model: ModelShape, tokens: int, inputs: int, outputs: int, count: float
) -> Iterator[Pass]:
    """The three products of a linear map: forward, gradient of the input, gradient of the weight.

    Args:
        tokens: rows of its input.
        count: layers that have one.
    """
    element = model.element
    shapes = {
        "": (tokens, outputs, inputs),
        ", input gradient": (tokens, inputs, outputs),
        ", weight gradient": (outputs, inputs, tokens),
    }
    for part, (m, n, k) in shapes.items():
        yield Pass(f"{name}{part}", Group.products, Product(m, n, k, element), count)


def self_attention(name: str, model: ModelShape, tokens: int, layers: int) -> Iterator[Pass]:
    """The projections of self-attention; queries, keys and values in one product."""
    width = model.d_model
    yield from linear(f"{name} qkv", model, tokens, width, width + 2 * model.kv_width, layers)
    yield from linear(f"{name} output", model, tokens, width, width, layers)


def cross_attention(model: ModelShape, batch: BatchShape) -> Iterator[Pass]:
    """The projections of cross-attention."""
    width, layers = model.d_model, model.decoder_layers
    source, target = batch.source_tokens, batch.target_tokens
    yield from linear("cross-attention query", model, target, width, width, layers)
    yield from linear("cross-attention kv", model, source, width, 2 * model.kv_width, layers)
    yield from linear("cross-attention output", model, target, width, width, layers)


def core(
    name: str, model: ModelShape, batch: BatchShape, queries: int, keys: int, causal: bool
) -> Iterator[Pass]:
    """The kernels of attention, forward and backward."""
    layers = model.encoder_layers if name.startswith("encoder") else model.decoder_layers
    for backward in (False, True):
        work = Attention(
            batch.rows,
            queries,
            keys,
            model.heads,
            model.kv_heads,
            model.head_dim,
            model.element,
            causal,
            backward,
        )
        yield Pass(f"{name} core{', backward' if backward else ''}", Group.attention, work, layers)


def feed_forward(name: str, model: ModelShape, tokens: int, layers: int) -> Iterator[Pass]:
    """Both products, and the activation with dropout between them."""
    yield from linear(f"{name} inner", model, tokens, model.d_model, model.d_ff, layers)
    yield from linear(f"{name} outer", model, tokens, model.d_ff, model.d_model, layers)
    hidden = tokens * model.d_ff
    # Forward: read and write. Backward: read the gradient and what was written, and write.
    for part, moved in (("", 2), (", backward", 3)):
        work = Stream(hidden * moved * model.element, 2 * hidden)
        yield Pass(f"{name} activation{part}", Group.element_wise, work, layers)
    yield from draws(f"{name} activation", model, hidden, layers)


def between(name: str, model: ModelShape, tokens: int, count: int) -> Iterator[Pass]:
    """Dropout, residual connection and the next norm, behind each sub-layer of a stack."""
    size = tokens * model.d_model
    element, mask = model.element, mask_bytes(model)
    # Read the output of the sub-layer and the residual stream, write the stream and its norm.
    forward = size * (2 * element + 2 * FLOAT_BYTES + mask)
    # Read the gradients of norm and stream, the norm and the mask; write the gradients of the
    # stream and of the output of the sub-layer.
    backward = size * (3 * element + 2 * FLOAT_BYTES + mask)
    yield Pass(f"{name} residual", Group.element_wise, Stream(forward, size * NORM_FLOPS), count)
    yield Pass(
        f"{name} residual, backward",
        Group.element_wise,
        Stream(backward, 2 * size * NORM_FLOPS),
        count,
    )
    yield from draws(f"{name} residual", model, size, count)


def embedding(name: str, model: ModelShape, tokens: int) -> Iterator[Pass]:
    """Rows of the table with positions, dropout and the first norm; its gradient."""
    size = tokens * model.d_model
    element, mask = model.element, mask_bytes(model)
    forward = size * (2 * FLOAT_BYTES + element + mask)
    # Read as `between`, then add to the rows of the table's gradient.
    backward = size * (2 * element + 3 * FLOAT_BYTES + mask)
    yield Pass(name, Group.element_wise, Stream(forward, size * NORM_FLOPS))
    yield Pass(f"{name}, backward", Group.element_wise, Stream(backward, 2 * size * NORM_FLOPS))
    yield from draws(name, model, size, 1)


def loss(model: ModelShape, tokens: int) -> Iterator[Pass]:
    """Logits, their softmax, and both gradients, LOSS_ROWS positions at a time."""
    rows = min(LOSS_ROWS, tokens)
    blocks = tokens / rows
    width, vocab, element = model.d_model, model.target_vocab, model.element
    shapes = {
        "logits": (rows, vocab, width),
        "input gradient": (rows, width, vocab),
        "weight gradient": (vocab, width, rows),
    }
    for part, (m, n, k) in shapes.items():
        yield Pass(f"loss, {part}", Group.loss, Product(m, n, k, element), blocks)
    yield Pass("loss, softmax", Group.loss, Exponentials(rows * vocab), blocks)


def optimizer(model: ModelShape) -> Iterator[Pass]:
    """The norm of the gradients, and AdamW with the copy of the weights for the products."""
    share = 1 / model.accumulate
    count = model.parameters
    copies = 0 if model.element == FLOAT_BYTES else model.element
    yield Pass("gradient norm", Group.optimizer, Stream(count * FLOAT_BYTES, 2 * count), share)
    yield Pass(
        "AdamW", Group.optimizer, Stream(count * (7 * FLOAT_BYTES + copies), 12 * count), share
    )


def draws(name: str, model: ModelShape, decisions: int, count: float) -> Iterator[Pass]:
    """The random bytes of dropout, if there is dropout."""
    if model.has_dropout:
        yield Pass(f"{name} dropout", Group.dropout, Draws(decisions), count)


def mask_bytes(model: ModelShape) -> int:
    """Bytes that a decision of dropout takes in memory."""
    return 1 if model.has_dropout else 0
