"""How the weights of a run are optimised. Imports neither torch nor lightning."""

import enum
from dataclasses import dataclass, field

from seq2seq.options import Options, Readers, number


class ScheduleKind(enum.Enum):
    """The learning rate after its linear warm-up."""

    inverse_sqrt = "inverse_sqrt"
    cosine = "cosine"
    linear = "linear"
    constant = "constant"
    flat_cooldown = "flat_cooldown"


class CooldownShape(enum.Enum):
    """How the learning rate falls in the cool-down of flat_cooldown."""

    linear = "linear"
    sqrt = "sqrt"
    power = "power"


class Matrices(enum.Enum):
    """What optimises the weight matrices of attention and feed-forward layers."""

    adamw = "adamw"
    muon = "muon"


@dataclass
class MuonConfig(Options):
    """Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/), for matrices.

    The step of each matrix is its averaged gradient with all singular values brought near 1.

    Attributes:
        learning_rate: the peak, reached at the end of the warm-up, as a length of singular values;
            multiplied by sqrt(rows / columns) for matrices with more rows than columns.
        momentum: decay rate of the average of gradients.
        weight_decay: of these matrices.
        newton_schulz_steps: products that bring the singular values near 1; more come nearer.
    """

    learning_rate: float = number(0.014, above=0)
    momentum: float = number(0.95, at_least=0, below=1)
    weight_decay: float = number(0.0, at_least=0)
    newton_schulz_steps: int = number(5, at_least=1, at_most=20)


@dataclass
class OptimizerConfig(Options):
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) and the loss that it minimises.

    Attributes:
        matrices: by what the weight matrices of attention and feed-forward layers are optimised:
            AdamW as all others, or Muon.
        muon: of those matrices.
        learning_rate: the peak, reached at the end of the warm-up.
        beta1, beta2: decay rates of the averages of gradients and of their squares.
        epsilon: added to the root of the averaged squares.
        weight_decay: of all parameters except biases and the parameters of norms.
        label_smoothing: share of the target probability that is spread over the vocabulary
            (Szegedy et al. 2016, section 7).
        clip_norm: gradients are scaled down to this norm; 0 for no limit.
    """

    matrices: Matrices = Matrices.muon
    muon: MuonConfig = field(default_factory=MuonConfig)
    learning_rate: float = number(4e-3, above=0)
    beta1: float = number(0.9, at_least=0, below=1)
    beta2: float = number(0.98, at_least=0, below=1)
    epsilon: float = number(1e-9, at_least=1e-30)  # float32 makes 0 of less
    weight_decay: float = number(0.0, at_least=0)
    label_smoothing: float = number(0.1, at_least=0, below=1)
    clip_norm: float = number(1.0, at_least=0)

    def readers(self) -> Readers:
        chosen = self.matrices is Matrices.muon
        return {"muon": (chosen, "choose optimizer.matrices=muon")}


@dataclass
class ScheduleConfig(Options):
    """The learning rate over optimizer steps.

    Attributes:
        kind: after the warm-up, inverse_sqrt falls with the root of the step, cosine and linear
            fall to final_ratio at trainer.max_steps, constant stays, flat_cooldown stays until its
            cool-down, which ends at final_ratio and trainer.max_steps.
        warmup_steps: optimizer steps of the linear rise from zero to the peak.
        final_ratio: share of the peak at which cosine, linear and flat_cooldown end.
        cooldown_share: share of trainer.max_steps that the cool-down takes.
        cooldown_shape: linear falls by 1 - x, sqrt by 1 - sqrt(x) (Hägele et al. 2024,
            arXiv:2405.18392) and power by (1 - x)^cooldown_power, where x rises from 0 to 1.
        cooldown_power: exponent of that shape.
    """

    kind: ScheduleKind = ScheduleKind.flat_cooldown
    warmup_steps: int = number(300, at_least=0)
    final_ratio: float = number(0.02, at_least=0, at_most=1)
    cooldown_share: float = number(0.5, above=0, at_most=1)
    cooldown_shape: CooldownShape = CooldownShape.linear
    cooldown_power: float = number(1.2, above=0, at_most=100)

    def readers(self) -> Readers:
        cools = self.kind is ScheduleKind.flat_cooldown
        ends = self.kind in (ScheduleKind.cosine, ScheduleKind.linear) or cools
        powers = cools and self.cooldown_shape is CooldownShape.power
        chosen = (cools, "choose schedule=flat_cooldown")
        return {
            "final_ratio": (ends, "choose schedule=cosine, linear or flat_cooldown"),
            "cooldown_share": chosen,
            "cooldown_shape": chosen,
            "cooldown_power": (
                powers,
                "choose schedule=flat_cooldown and schedule.cooldown_shape=power",
            ),
        }

    def cautions(self, max_steps: int) -> list[str]:
        """What is possible but hardly meant in a run of so many steps."""
        if self.warmup_steps < max_steps:
            return []
        return [
            f"schedule.warmup_steps: the warm-up takes {self.warmup_steps:,} steps and training "
            f"ends after {max_steps:,}, before the learning rate falls; choose fewer"
        ]
