"""How two runs differ: every kind of difference is seen, in folders made up for it."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.scripts.loading import imported_script

EMBEDDING = torch.arange(6.0).reshape(2, 3)
WEIGHTS = {"frontend.embedding.table.weight": EMBEDDING, "output.bias": torch.ones(2)}
OLD_WEIGHTS = {"encoder.embedding.table.weight": EMBEDDING, "output.bias": torch.ones(2)}
SPLIT_WEIGHTS = {"a": EMBEDDING[:1], "b": EMBEDDING[1:], "output.bias": torch.ones(2)}


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with imported_script("run_differences") as module:
        yield module


def write_run(
    run: Path,
    *,
    weights: dict[str, Tensor] = WEIGHTS,
    losses: tuple[float, ...] = (2.0, 1.0),
    validation: float = 3.0,
    text: str = "a b",
) -> Path:
    """The files of a run that are compared."""
    (run / "model").mkdir(parents=True)
    save_file(weights, run / "model" / "model.safetensors")
    lines = [
        {"step": step, "train/loss": loss, "train/tokens_per_second": len(run.name)}
        for step, loss in enumerate(losses, start=1)
    ]
    lines.append({"step": len(losses), "val/loss": validation})
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (run / "evaluation" / "test").mkdir(parents=True)
    for name in ("hypotheses.txt", "alignments.pharaoh"):
        (run / "evaluation" / "test" / name).write_text(text)
    return run


def test_runs_with_other_speeds_and_renamed_parameters_are_the_same(
    script: Any, tmp_path: Path
) -> None:
    first = write_run(tmp_path / "first", weights=OLD_WEIGHTS)
    comparison = script.compare(first, write_run(tmp_path / "second"))
    assert comparison.verdict == "same"
    assert comparison.loss == 0


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("weights", {"weights": {**WEIGHTS, "output.bias": torch.tensor([1.0, 1.0 + 2**-23])}}),
        ("metrics", {"losses": (2.0, 1.0 + 1e-15)}),
        ("metrics", {"validation": 2.0}),
        ("translations", {"text": "a c"}),
    ],
)
def test_one_bit_of_one_part_differs(
    script: Any, tmp_path: Path, part: str, changes: dict[str, Any]
) -> None:
    comparison = script.compare(
        write_run(tmp_path / "first"), write_run(tmp_path / "second", **changes)
    )
    parts = {name: getattr(comparison, name) for name in ("weights", "metrics", "translations")}
    assert parts == {name: name != part for name in parts}
    assert comparison.same_shapes
    assert comparison.verdict == "differs"


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ((2.0, 1.00009), "rounding"),
        ((2.0, 1.00011), "differs"),
        ((2.00001, 1.0), "differs"),
        ((2.0, 1.0, 1.0), "differs"),
    ],
)
def test_split_parameters_may_round_in_another_order(
    script: Any, tmp_path: Path, losses: tuple[float, ...], verdict: str
) -> None:
    second = write_run(tmp_path / "second", weights=SPLIT_WEIGHTS, losses=losses, text="a c")
    comparison = script.compare(write_run(tmp_path / "first"), second)
    assert not comparison.same_shapes
    assert comparison.verdict == verdict


@pytest.mark.parametrize(("gradient", "verdict"), [(9e-7, "rounding"), (2e-6, "differs")])
def test_gradients_count_where_they_are_compared(
    script: Any, gradient: float, verdict: str
) -> None:
    comparison = script.Comparison(False, False, False, False, 0.0, 0.0, gradient)
    assert comparison.verdict == verdict


def test_a_gradient_s_difference_is_relative_to_the_largest_of_its_tensor(script: Any) -> None:
    a = {"x": torch.tensor([1e-3, 2.0]), "y": torch.tensor([1e-8, 4e-8])}
    b = {"x": torch.tensor([2e-3, 2.0]), "y": torch.tensor([1e-8, 5e-8])}
    assert script.gradient_difference(a, b) == pytest.approx(0.25)
    assert script.gradient_difference(a, {"x": a["x"]}) == math.inf
    assert script.gradient_difference(a, {**a, "y": torch.ones(3)}) == math.inf


class Tied(nn.Module):
    """A matrix with two names between vectors and other matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 2)
        self.output = nn.Linear(3, 3)
        self.output.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.output(self.second(self.first(x)).sum(-1, keepdim=True) * x)
        return out


def unnamed(model: nn.Module) -> list[dict[str, Any]]:
    """Groups as version 0.1.0 made them."""
    parameters = list(model.parameters())
    matrices = [parameter for parameter in parameters if parameter.dim() > 1]
    return [{"params": matrices}, {"params": [p for p in parameters if p.dim() <= 1]}]


def named(model: nn.Module) -> list[dict[str, Any]]:
    """Groups with names, in another order."""
    pairs = [(f"model.{name}", parameter) for name, parameter in model.named_parameters()]
    return [{"params": pairs[3:]}, {"params": pairs[:3]}]


@pytest.mark.parametrize("groups", [unnamed, named])
def test_the_first_moments_are_found_by_the_names_of_their_parameters(
    script: Any, tmp_path: Path, groups: Callable[[nn.Module], list[dict[str, Any]]]
) -> None:
    torch.manual_seed(1)
    model = Tied()
    optimizer = torch.optim.AdamW(groups(model), betas=(0.9, 0.98))
    model(torch.randn(4, 3)).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    optimizer.step()
    (tmp_path / "checkpoints").mkdir()
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    checkpoint = {"state_dict": state, "optimizer_states": [optimizer.state_dict()]}
    torch.save(checkpoint, tmp_path / "checkpoints" / "step-00000001.ckpt")
    moments = script.first_gradients(tmp_path)
    assert moments.keys() == gradients.keys()
    for name, moment in moments.items():
        torch.testing.assert_close(moment, 0.1 * gradients[name])
