"""The learning rate as a function of the optimizer step."""

import math

from seq2seq.training.optimizer_config import CooldownShape, ScheduleConfig, ScheduleKind


def learning_rate_factor(step: int, config: ScheduleConfig, *, max_steps: int) -> float:
    """The learning rate of an optimizer step, counted from 0, as a share of the peak.

    The warm-up is linear and reaches the peak at step warmup_steps - 1. inverse_sqrt is equation 3
    of Vaswani et al. 2017 (arXiv:1706.03762). cosine, linear and flat_cooldown end at max_steps.
    """
    number, warmup = step + 1, max(config.warmup_steps, 1)
    if number <= warmup:
        return number / warmup
    if config.kind is ScheduleKind.constant:
        return 1.0
    if config.kind is ScheduleKind.inverse_sqrt:
        return math.sqrt(warmup / number)
    begin: float = warmup
    if config.kind is ScheduleKind.flat_cooldown:
        begin = max(warmup, (1 - config.cooldown_share) * max_steps)
    progress = min(max((number - begin) / max(max_steps - begin, 1), 0.0), 1.0)
    return config.final_ratio + (1 - config.final_ratio) * remaining(progress, config)


def remaining(progress: float, config: ScheduleConfig) -> float:
    """What is left, of 1, of the fall to the final learning rate after a share of its steps."""
    if config.kind is ScheduleKind.cosine:
        return (1 + math.cos(math.pi * progress)) / 2
    if config.kind is ScheduleKind.flat_cooldown:
        if config.cooldown_shape is CooldownShape.sqrt:
            return 1 - math.sqrt(progress)
        if config.cooldown_shape is CooldownShape.power:
            return float((1 - progress) ** config.cooldown_power)
    return 1 - progress
