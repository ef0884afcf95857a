"""AdamW with weight decay by kind of parameter."""

from collections.abc import Iterator

import torch
from torch import nn

from seq2seq.training.config import OptimizerConfig

NORMS = (nn.LayerNorm, nn.RMSNorm)

NamedParameters = list[tuple[str, nn.Parameter]]


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) in two groups: parameters with decay, then those without.

    Each group holds the names of its parameters as `param_names`.
    """
    with_decay, without_decay = decay_groups(model)
    return torch.optim.AdamW(
        [
            {"params": with_decay, "weight_decay": config.weight_decay},
            {"params": without_decay, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )


def decay_groups(model: nn.Module) -> tuple[NamedParameters, NamedParameters]:
    """Trained parameters with weight decay and without, in the order of the model.

    Biases and the parameters of norms do not decay. All others do: weights of products, embeddings
    of tokens and positions, and parameters of attention mechanisms.
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
