"""The learning rate as a function of the optimizer step."""

import math

from seq2seq.training.config import ScheduleConfig, ScheduleKind


def learning_rate_factor(step: int, config: ScheduleConfig, *, max_steps: int) -> float:
    """Share of the peak learning rate for the optimizer step numbered `step` from 0.

    The warm-up is linear and the peak is reached at step warmup_steps - 1. Vaswani et al. 2017 (equation 3) is
    inverse_sqrt. The end of cosine and linear is max_steps, so both need it fixed beforehand.
    """
    number, warmup = step + 1, max(config.warmup_steps, 1)
    if number <= warmup:
        return number / warmup
    if config.kind is ScheduleKind.constant:
        return 1.0
    if config.kind is ScheduleKind.inverse_sqrt:
        return math.sqrt(warmup / number)
    done = min((number - warmup) / max(max_steps - warmup, 1), 1.0)
    fall = (1 + math.cos(math.pi * done)) / 2 if config.kind is ScheduleKind.cosine else 1 - done
    return config.final_ratio + (1 - config.final_ratio) * fall
