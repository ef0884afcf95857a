"""Muon for matrices, and AdamW for all other parameters, as one optimizer."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seq2seq.training.optimizer_config import MuonConfig

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of x, x^3 and x^5 in each Newton-Schulz step
SMALLEST_NORM = 1e-7  # that a matrix is divided by
WIDE = 3  # columns per row from which Newton-Schulz steps on x x^T take fewer products
MOST_GRAM_STEPS = 5  # each multiplies its rounding errors, 1e-7 of 1, by up to 12


@dataclass(frozen=True)
class Matrix:
    """A parameter of one or several linear maps.

    Attributes:
        parameter: (R, C), maps of C numbers to R.
        sizes: the rows of each map, which are orthogonalised apart: their sum is R.
    """

    name: str
    parameter: nn.Parameter
    sizes: tuple[int, ...]


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) for matrices.

    With Nesterov's momentum, and with steps multiplied by sqrt(max(1, R / C)). `torch.optim.Muon`
    takes one matrix after another; here maps of equal shapes, transposed ones included, are
    orthogonalised in one batch of products, and maps that share a parameter apart. All parameter
    groups but the last are those of an AdamW, whose state is that of this optimizer.

    Args:
        adamw: of all other parameters; it takes its steps with this one.
        matrices: one or more.
        dtype: of the products.
    """

    def __init__(
        self,
        adamw: torch.optim.AdamW,
        matrices: Sequence[Matrix],
        config: MuonConfig,
        dtype: torch.dtype,
    ) -> None:
        group = {
            "params": [(matrix.name, matrix.parameter) for matrix in matrices],
            "lr": config.learning_rate,
            "momentum": config.momentum,
            "weight_decay": config.weight_decay,
        }
        named = [
            {**x, "params": list(zip(x.get("param_names", []), x["params"], strict=True))}
            for x in adamw.param_groups
        ]
        super().__init__([*named, group], {})
        self.adamw, self.dtype, self.num_steps = adamw, dtype, config.newton_schulz_steps
        self.sizes = {matrix.parameter: matrix.sizes for matrix in matrices}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        *groups, matrices = self.param_groups
        self.adamw.param_groups, self.adamw.state = groups, self.state
        self.adamw.step()
        self._step_matrices(matrices)
        return loss

    @torch.no_grad()
    def _step_matrices(self, group: dict[str, Any]) -> None:
        parameters = [x for x in group["params"] if x.grad is not None]
        if not parameters:
            return
        gradients = [x.grad for x in parameters]
        averages = [self._average(x) for x in parameters]
        torch._foreach_lerp_(averages, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, averages, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        maps: dict[torch.Size, list[tuple[Tensor, Tensor, float]]] = defaultdict(list)
        for parameter, direction in zip(parameters, ahead, strict=True):
            sizes = self.sizes[parameter]
            pairs = zip(parameter.split(sizes), direction.split(sizes), strict=True)
            for weights, part in pairs:
                length = math.sqrt(max(1.0, part.size(0) / part.size(1)))
                wide = wider(part)
                maps[wide.shape].append((wider(weights), wide, length))
        for stack in maps.values():
            directions = torch.stack([direction for _, direction, _ in stack])
            steps = orthogonalised(directions, self.num_steps, self.dtype)
            for (weights, _, length), step in zip(stack, steps, strict=True):
                weights.add_(step, alpha=-group["lr"] * length)

    def _average(self, parameter: nn.Parameter) -> Tensor:
        """The average of a parameter's gradients."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        average: Tensor = state["momentum_buffer"]
        return average


def wider(matrix: Tensor) -> Tensor:
    """A matrix (R, C), transposed if it has more rows than columns."""
    return matrix.mT if matrix.size(0) > matrix.size(1) else matrix


def orthogonalised(matrices: Tensor, steps: int, dtype: torch.dtype) -> Tensor:
    """Matrices (N, R, C), R <= C, with their singular values between about 0.7 and 1.2.

    Each Newton-Schulz step takes the odd polynomial of COEFFICIENTS of all singular values, which
    begin below 1.

    Args:
        dtype: of the products; the result is of that type.
    """
    first, third, fifth = COEFFICIENTS
    norms: Tensor = torch.linalg.matrix_norm(matrices, keepdim=True)
    x = (matrices / norms.clamp(min=SMALLEST_NORM)).to(dtype)
    is_wide = x.size(-1) >= WIDE * x.size(-2)
    if is_wide and dtype is torch.float32 and steps <= MOST_GRAM_STEPS:
        return orthogonalised_by_gram(x, steps)
    for _ in range(steps):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth)
        x = torch.baddbmm(x, polynomial, x, beta=first)
    return x


def orthogonalised_by_gram(x: Tensor, steps: int) -> Tensor:
    """The same of matrices x (N, R, C) of norm 1, from products of R rows and columns.

    Each step multiplies x by a polynomial of x x^T, so only the product of these is needed: for
    C = 4 R it takes 25 instead of 45 products of R^3.
    """
    first, third, fifth = COEFFICIENTS
    gram, product = x @ x.mT, torch.eye(x.size(1), dtype=x.dtype, device=x.device)
    for step in range(steps):
        polynomial = torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth)
        polynomial.diagonal(dim1=1, dim2=2).add_(first)
        product = polynomial @ product if step else polynomial
        if step + 1 < steps:
            gram = polynomial @ gram @ polynomial
    return product @ x
