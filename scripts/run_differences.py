"""How the folders of two runs of one setting differ, for `compare_versions.py`.

Where the parameters have the same shapes in both versions, weights, metrics (without speeds) and
translations must be the same bits. Where parameters were split or joined, sums round in another
order: the first gradients must agree to 1e-6 of the largest of their tensor, the first loss to
1e-6 and all losses to 1e-4. A gradient that is zero but for rounding, such as that of key biases,
is compared only as part of a larger tensor. Parameters that were renamed are matched by
`seq2seq.model.renamed`.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from seq2seq.model.renamed import with_present_names

FIRST_TOLERANCE = 1e-6  # of the first loss and gradients
LOSS_TOLERANCE = 1e-4
TEXTS = ("hypotheses.txt", "alignments.pharaoh")


@dataclass(frozen=True)
class Comparison:
    """How two runs of one setting differ.

    Attributes:
        same_shapes: the models have parameters of the same shapes.
        weights, metrics, translations: the same bits.
        first_loss, loss: relative differences of the first, and the largest of any training loss.
        gradient: largest difference of first gradients, relative to the largest of their tensor;
            NaN where they are not compared.
    """

    same_shapes: bool
    weights: bool
    metrics: bool
    translations: bool
    first_loss: float
    loss: float
    gradient: float = math.nan

    @property
    def verdict(self) -> str:
        """same (bits), rounding (within the tolerances, allowed where shapes changed) or differs"""
        if self.same_shapes and self.weights and self.metrics and self.translations:
            return "same"
        first = max(self.first_loss, 0.0 if math.isnan(self.gradient) else self.gradient)
        close = first <= FIRST_TOLERANCE and self.loss <= LOSS_TOLERANCE
        return "rounding" if close and not self.same_shapes else "differs"

    def row(self, setting: str) -> str:
        """A line of a Markdown table."""
        bits = [
            "same" if same else "no" for same in (self.weights, self.metrics, self.translations)
        ]
        shapes = "kept" if self.same_shapes else "changed"
        gradient = "-" if math.isnan(self.gradient) else f"{self.gradient:.1e}"
        numbers = [gradient, f"{self.loss:.1e}"]
        return f"| {' | '.join([setting, shapes, *bits, *numbers, self.verdict])} |"


HEADER = """\
| setting | shapes | weights | metrics | translations | first gradient | loss | verdict |
|---|---|---|---|---|---|---|---|"""


def compare(a: Path, b: Path) -> Comparison:
    """Two run folders of one setting, without first gradients."""
    weights_a, weights_b = (load_file(run / "model" / "model.safetensors") for run in (a, b))
    reports_a, reports_b = reports(a), reports(b)
    first_loss, loss = loss_differences(reports_a, reports_b)
    return Comparison(
        same_shapes=shapes(weights_a) == shapes(weights_b),
        weights=same_tensors(with_present_names(weights_a), with_present_names(weights_b)),
        metrics=same_metrics(reports_a, reports_b),
        translations=all(translations(a, name) == translations(b, name) for name in TEXTS),
        first_loss=first_loss,
        loss=loss,
    )


def shapes(tensors: dict[str, Tensor]) -> Counter[torch.Size]:
    return Counter(tensor.shape for tensor in tensors.values())


def same_tensors(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def reports(run: Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl, without speeds."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        {name: value for name, value in json.loads(line).items() if "per_second" not in name}
        for line in lines
    ]


def same_metrics(a: list[dict[str, float]], b: list[dict[str, float]]) -> bool:
    """Whether b reports all that a reports; it may have metrics that a does not know."""
    return len(a) == len(b) and all(x.items() <= y.items() for x, y in zip(a, b, strict=True))


def loss_differences(a: list[dict[str, float]], b: list[dict[str, float]]) -> tuple[float, float]:
    """Relative differences of the first, and the largest of any training loss."""
    losses_a, losses_b = (
        {report["step"]: report["train/loss"] for report in run if "train/loss" in report}
        for run in (a, b)
    )
    if losses_a.keys() != losses_b.keys():
        return math.inf, math.inf
    differences = [abs(loss - losses_b[step]) / abs(loss) for step, loss in losses_a.items()]
    return differences[0], max(differences)


def translations(run: Path, name: str) -> bytes:
    return (run / "evaluation" / "test" / name).read_bytes()


def gradient_difference(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """The largest difference relative to the largest of its tensor; infinite if names differ."""
    if a.keys() != b.keys() or any(a[name].shape != b[name].shape for name in a):
        return math.inf
    return max(float((a[name] - b[name]).abs().max() / a[name].abs().max()) for name in a)


def first_gradients(run: Path) -> dict[str, Tensor]:
    """The first moments of the optimizer in the checkpoint of step 1, by present names."""
    path = run / "checkpoints" / "step-00000001.ckpt"
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    optimizer = checkpoint["optimizer_states"][0]
    groups = optimizer["param_groups"]
    if "param_names" in groups[0]:
        names = [name for group in groups for name in group["param_names"]]
    else:
        names = names_of_groups(checkpoint["state_dict"])
    indices = [index for group in groups for index in group["params"]]
    moments = {
        name.removeprefix("model."): optimizer["state"][index]["exp_avg"]
        for name, index in zip(names, indices, strict=True)
    }
    return with_present_names(moments)


def names_of_groups(state: dict[str, Tensor]) -> list[str]:
    """Names in the groups of version 0.1.0: matrices in the model's order, then vectors."""
    parameters: dict[int, str] = {}
    for name, tensor in state.items():
        parameters.setdefault(tensor.data_ptr(), name)  # tied matrices are one parameter
    matrices = [name for name in parameters.values() if state[name].dim() > 1]
    return matrices + [name for name in parameters.values() if state[name].dim() <= 1]
