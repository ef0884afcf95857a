"""One measurement of one mechanism, in a process of its own: `python -m seq2seq.bench.cell REQUEST` prints JSON.

What a process has allocated, compiled and cached is part of what it measures, so every cell begins afresh.
"""

import copy
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seq2seq.attention.base import AttentionCache, AttentionCore, build_core
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.bench.plan import Request

FILL = 256  # positions given to a cache at once
ENOUGH, LONGEST, REPEATS = (
    1.0,
    10.0,
    3,
)  # seconds after which a cell ends, unless short of repeats; and in any case
STATUS = Path("/proc/self/status")


def measure(request: Request) -> dict[str, Any]:
    """What a request asks for, ready for JSON."""
    core = build_core(
        request.config(),
        AttentionContext(
            role=request.role,
            num_heads=request.num_heads,
            head_dim=request.head_dim,
            max_length=max(request.lengths),
        ),
    )
    rows = step_rows(core, request) if request.steps else [cell(core, request)]
    return {"rows": rows, "threads": torch.get_num_threads(), "torch": torch.__version__}


def cell(core: AttentionCore[Any], request: Request) -> dict[str, Any]:
    """Seconds and peak memory of forward and backward over sequences of one length, and the state they would leave."""
    length = request.lengths[0]
    forward_backward(core, Inputs.of(request, 8))  # libraries load what they need
    before = memory("VmRSS")
    forget_peak()
    inputs = Inputs.of(request, length)
    seconds = least_time(lambda: forward_backward(core, inputs))
    peak = memory("VmHWM") - before
    state = None
    if request.role is not Role.ENCODER:
        state = filled(core.eval(), request, length, None).nbytes()
    return {"length": length, "seconds": seconds, "peak_bytes": max(peak, 0), "state_bytes": state}


def step_rows(core: AttentionCore[Any], request: Request) -> list[dict[str, Any]]:
    """Seconds of one decoding step and bytes of the cache before it, for each length of the cache."""
    core.eval()
    rows: list[dict[str, Any]] = []
    cache: AttentionCache | None = None
    for length in sorted(request.lengths):
        cache = filled(core, request, length, cache)
        step = Step(core, request, copy.deepcopy(cache))
        rows.append({"length": length, "seconds": least_time(step), "state_bytes": cache.nbytes()})
    return rows


@dataclass
class Inputs:
    """Queries, keys and values, (B, H, T, K) and (B, G, T, K)."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor

    @classmethod
    def of(cls, request: Request, length: int, *, grad: bool = True) -> "Inputs":
        generator = torch.Generator().manual_seed(0)
        heads = (request.num_heads, request.num_kv_heads, request.num_kv_heads)
        shapes = [(request.batch_size, number, length, request.head_dim) for number in heads]
        return cls(
            *(torch.randn(shape, generator=generator, requires_grad=grad) for shape in shapes)
        )


def forward_backward(core: AttentionCore[Any], inputs: Inputs) -> None:
    """As in one training step."""
    core.zero_grad()
    for x in (inputs.q, inputs.k, inputs.v):
        x.grad = None
    context = core(inputs.q, inputs.k, inputs.v).context
    context.backward(torch.ones_like(context))


@torch.inference_mode()
def filled(
    core: AttentionCore[Any], request: Request, length: int, cache: AttentionCache | None
) -> AttentionCache:
    """A cache that has seen `length` positions; the one given is brought up to that length."""
    if request.role is Role.CROSS:
        inputs = Inputs.of(request, length, grad=False)
        return core.source_cache(inputs.k, inputs.v, None)
    if cache is None:
        keys = Inputs.of(request, 1, grad=False).k
        cache = core.empty_cache(
            request.batch_size,
            capacity=2 * max(request.lengths) + FILL,
            dtype=keys.dtype,
            device=keys.device,
        )
    while cache.length < length:
        inputs = Inputs.of(request, min(FILL, length - cache.length), grad=False)
        core.step(inputs.q, inputs.k, inputs.v, cache)
    return cache


class Step:
    """One more position, every time it is called."""

    def __init__(self, core: AttentionCore[Any], request: Request, cache: AttentionCache) -> None:
        self.core, self.cache = core, cache
        self.inputs = Inputs.of(request, 1, grad=False)
        self.cross = request.role is Role.CROSS

    @torch.inference_mode()
    def __call__(self) -> None:
        if self.cross:
            self.core.read_source(self.inputs.q, self.cache)
        else:
            self.core.step(self.inputs.q, self.inputs.k, self.inputs.v, self.cache)


def least_time(run: Callable[[], None], most: int = 100) -> float:
    """Seconds of the run that was least disturbed; the first, which is not warm, is one of them."""
    times: list[float] = []
    while (
        len(times) < most and (sum(times) < ENOUGH or len(times) < REPEATS) and sum(times) < LONGEST
    ):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def memory(field: str) -> int:
    """Bytes this process holds ("VmRSS") or has held at most ("VmHWM"); without /proc the most for both."""
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Let the peak start again from what is held now, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def main() -> None:
    request = Request.from_json(sys.argv[1])
    print(json.dumps(measure(request)))


if __name__ == "__main__":
    main()
