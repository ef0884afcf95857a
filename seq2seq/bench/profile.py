"""Where the time of a training step goes, by torch's profiler over a few real steps.

`python -m seq2seq.bench.profile REQUEST OVERRIDES...` prints seconds by group as JSON. An
operator's time is what it takes without the operators that it calls. What no operator accounts for
is Python, dispatch and data.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.profiler import ProfilerActivity, profile

from seq2seq.bench.own_training import StepsRequest, timed_training
from seq2seq.bench.work import Group
from seq2seq.config.schema import RunConfig
from seq2seq.config.store import run_command

OUTSIDE = "Python, dispatch, data"
# Operators within these belong to the group, whatever they are.
SCOPES = {
    r"_?SmoothedCrossEntropy": Group.loss,
    r"_?ShortAttention": Group.attention,
    r"^Optimizer\.|clip_grad|_foreach_|_fused_adam": Group.optimizer,
}
OPERATORS = {
    r"attention": Group.attention,
    r"bernoulli|dropout|random_": Group.dropout,
    r"::(mm|addmm|bmm|baddbmm|matmul|linear)$|mkldnn|convolution": Group.products,
}  # of all others the group is element-wise


@dataclass(frozen=True)
class Operator:
    """A call of an operator.

    Attributes:
        callers: names of the operators that it was called within, innermost first.
        seconds: without those that it called.
    """

    name: str
    callers: tuple[str, ...]
    seconds: float


def group_of(operator: Operator) -> Group:
    """The group of an operator: of the scope that it is in, or by its name."""
    names = (operator.name, *operator.callers)
    for pattern, group in SCOPES.items():
        if any(re.search(pattern, name) for name in names):
            return group
    for pattern, group in OPERATORS.items():
        if any(re.search(pattern, name) for name in names):
            return group
    return Group.element_wise


def seconds_by_group(operators: Iterable[Operator], total: float) -> dict[str, float]:
    """Seconds of each group, and what is left of the total for Python, dispatch and data."""
    seconds = {group.value: 0.0 for group in Group}
    for operator in operators:
        seconds[group_of(operator).value] += operator.seconds
    outside = total - sum(seconds.values())
    return {**seconds, OUTSIDE: max(outside, 0.0)}


def operators_of(events: Iterable[Any]) -> Iterator[Operator]:
    """The operators among the events of a profiler."""
    for event in events:
        callers = []
        caller = event.cpu_parent
        while caller is not None:
            callers.append(caller.name)
            caller = caller.cpu_parent
        yield Operator(event.name, tuple(callers), event.self_cpu_time_total / 1e6)


def slowest(operators: Iterable[Operator], count: int = 12) -> list[dict[str, Any]]:
    """The names of operators that take the most time in all, with their group."""
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for operator in operators:
        seconds[operator.name, group_of(operator).value] += operator.seconds
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    return [
        {"operator": name, "group": group, "seconds": time}
        for (name, group), time in ordered[:count]
    ]


def profiled_steps(request: StepsRequest, config: RunConfig, folder: Path) -> dict[str, Any]:
    """Seconds of a step by group, of which profiling itself is a part."""
    profiler = profile(activities=[ProfilerActivity.CPU])
    figures = timed_training(request, config, folder, on_begin=profiler.start, on_end=profiler.stop)
    operators = list(operators_of(profiler.events() or []))
    total = figures["seconds_per_step"] * request.steps
    groups = seconds_by_group(operators, total)
    return {
        "seconds_per_step": figures["seconds_per_step"],
        "groups": {name: seconds / request.steps for name, seconds in groups.items()},
        "slowest": slowest(operators),
    }


def main() -> None:
    request = StepsRequest(**json.loads(sys.argv[1]))

    def task(config: RunConfig, folder: Path, overrides: list[str]) -> None:
        print(json.dumps(profiled_steps(request, config, folder)))

    run_command("train", task, sys.argv[2:], relaunch=[])


if __name__ == "__main__":
    main()
