"""AdamW with weight decay by kind of parameter, or Muon for matrices."""

from collections.abc import Iterator

import torch
from torch import nn

from seq2seq.attention.modifiers import QueryKeyNorm
from seq2seq.attention.projections import QueryKeyValue
from seq2seq.attention.weighting import Weighting
from seq2seq.model.frontend import Frontend
from seq2seq.model.output import OutputProjection
from seq2seq.model.sublayers import FeedForward, ScaleNorm
from seq2seq.training.muon import Matrix, Muon
from seq2seq.training.optimizer_config import Matrices, OptimizerConfig

NORMS = (nn.LayerNorm, nn.RMSNorm, ScaleNorm, QueryKeyNorm, Weighting)

NamedParameters = list[tuple[str, nn.Parameter]]


def build_optimizer(
    model: nn.Module, config: OptimizerConfig, *, products: torch.dtype = torch.float32
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019) in two groups: parameters with decay, then those without.

    Each group holds the names of its parameters as `param_names`. With Muon, the matrices are in a
    third group instead.

    Args:
        products: type that Muon computes its products in.
    """
    matrices = hidden_matrices(model) if config.matrices is Matrices.muon else []
    taken = {id(matrix.parameter) for matrix in matrices}
    with_decay, without_decay = (
        [(name, x) for name, x in group if id(x) not in taken] for group in decay_groups(model)
    )
    adamw = torch.optim.AdamW(
        [
            {"params": with_decay, "weight_decay": config.weight_decay},
            {"params": without_decay, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )
    return Muon(adamw, matrices, config.muon, products) if matrices else adamw


def hidden_matrices(model: nn.Module) -> list[Matrix]:
    """Trained weights of the linear maps between embedding and output projection.

    A weight that holds several maps, queries with keys and values or the two of a gated
    feed-forward network, says where one ends.
    """
    ends = {
        parameter
        for part in model.modules()
        if isinstance(part, nn.Embedding | Frontend | OutputProjection)
        for parameter in part.parameters()
    }
    sizes: dict[nn.Parameter, tuple[int, ...]] = {}
    for part in model.modules():
        if isinstance(part, QueryKeyValue):
            maps = tuple(size for size in part.sizes if size)
            sizes |= dict.fromkeys(own_weight(part), maps)
        elif isinstance(part, FeedForward):
            width = part.outer.in_features
            maps = (width,) * (part.inner.out_features // width)
            sizes |= dict.fromkeys(own_weight(part.inner), maps)
        elif isinstance(part, nn.Linear):
            sizes = {**dict.fromkeys(own_weight(part), (part.out_features,)), **sizes}
    return [
        Matrix(name, parameter, sizes[parameter])
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter in sizes.keys() - ends and parameter.dim() == 2
    ]


def own_weight(module: nn.Module) -> list[nn.Parameter]:
    """The weight of a module, unless it is computed from other parameters."""
    return [x for name, x in module.named_parameters(recurse=False) if name == "weight"]


def decay_groups(model: nn.Module) -> tuple[NamedParameters, NamedParameters]:
    """Trained parameters with weight decay and without, in the order of the model.

    Biases and the parameters of norms and of `Weighting`, such as the logit of a sink, do not
    decay. All others do: weights of products, embeddings of tokens and positions, and parameters of
    attention mechanisms.
    """
    without_decay = {id(parameter) for parameter in biases_and_norms(model)}
    parameters = [(name, x) for name, x in model.named_parameters() if x.requires_grad]
    return (
        [(name, x) for name, x in parameters if id(x) not in without_decay],
        [(name, x) for name, x in parameters if id(x) in without_decay],
    )


def biases_and_norms(model: nn.Module) -> Iterator[nn.Parameter]:
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias" or isinstance(module, NORMS):
                yield parameter
