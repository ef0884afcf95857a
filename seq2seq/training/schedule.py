"""The learning rate as a function of the optimizer step."""

import math

from seq2seq.training.config import ScheduleConfig, ScheduleKind


def learning_rate_factor(step: int, config: ScheduleConfig, *, max_steps: int) -> float:
    """The learning rate of an optimizer step, counted from 0, as a share of the peak.

    The warm-up is linear and reaches the peak at step warmup_steps - 1. inverse_sqrt is equation 3
    of Vaswani et al. 2017 (arXiv:1706.03762). cosine and linear end at max_steps.
    """
    number, warmup = step + 1, max(config.warmup_steps, 1)
    if number <= warmup:
        return number / warmup
    if config.kind is ScheduleKind.constant:
        return 1.0
    if config.kind is ScheduleKind.inverse_sqrt:
        return math.sqrt(warmup / number)
    progress = min((number - warmup) / max(max_steps - warmup, 1), 1.0)
    fall = (
        (1 + math.cos(math.pi * progress)) / 2
        if config.kind is ScheduleKind.cosine
        else 1 - progress
    )
    return config.final_ratio + (1 - config.final_ratio) * fall
