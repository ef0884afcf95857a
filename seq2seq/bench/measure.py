"""One measurement in its own process: `python -m seq2seq.bench.measure REQUEST` prints JSON."""

import copy
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from seq2seq.attention.base import AttentionCache, AttentionCore, build_core
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.bench.plan import Request
from seq2seq.bench.process import memory, reset_peak
from seq2seq.imports import import_modules
from seq2seq.kept_memory import keep_freed_memory

CACHE_CHUNK = 256  # positions that a cache takes in at once
MIN_SECONDS = 1.0  # a measurement is repeated for this long ...
MIN_REPEATS = 3  # ... and at least this often ...
MAX_SECONDS = 10.0  # ... but not beyond this time ...
MAX_REPEATS = 100  # ... or number


def measure(request: Request) -> dict[str, Any]:
    """The rows of a request, with the number of threads and the version of torch."""
    core = build_core(request.config(), context_of(request))
    rows = step_rows(core, request) if request.steps else [sequence_row(core, request)]
    return {"rows": rows, "threads": torch.get_num_threads(), "torch": torch.__version__}


def context_of(request: Request) -> AttentionContext:
    return AttentionContext(
        role=request.role,
        num_heads=request.num_heads,
        head_dim=request.head_dim,
        max_length=capacity(request) if request.steps else max(request.lengths),
    )


def capacity(request: Request) -> int:
    """Positions that a cache must hold: the longest one measured, and the steps after it."""
    return 2 * max(request.lengths) + CACHE_CHUNK


def sequence_row(core: AttentionCore[Any], request: Request) -> dict[str, Any]:
    """Seconds and peak bytes of forward and backward over a sequence, and bytes of its cache."""
    length = request.lengths[0]
    forward_backward(core, Inputs.of(request, 8))  # loads libraries
    before = memory("VmRSS")
    reset_peak()
    inputs = Inputs.of(request, length)
    seconds = shortest_time(lambda: forward_backward(core, inputs))
    peak = memory("VmHWM") - before
    state = None
    if request.role is not Role.ENCODER:
        state = filled_cache(core.eval(), request, length, None).nbytes()
    return {"length": length, "seconds": seconds, "peak_bytes": max(peak, 0), "state_bytes": state}


def step_rows(core: AttentionCore[Any], request: Request) -> list[dict[str, Any]]:
    """Seconds of one decoding step, and bytes of the cache before it, at each length."""
    core.eval()
    rows: list[dict[str, Any]] = []
    cache: AttentionCache | None = None
    for length in sorted(request.lengths):
        cache = filled_cache(core, request, length, cache)
        step = Step(core, request, copy.deepcopy(cache))
        seconds = shortest_time(step)
        rows.append({"length": length, "seconds": seconds, "state_bytes": cache.nbytes()})
    return rows


@dataclass
class Inputs:
    """Queries (B, H, T, K), and keys and values (B, G, T, K), or of the mechanism's widths."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor

    @classmethod
    def of(cls, request: Request, length: int, *, grad: bool = True) -> "Inputs":
        generator = torch.Generator().manual_seed(0)
        widths = request.config().widths(context_of(request))
        shapes = [
            (request.batch_size, number, length, width)
            for number, width in (
                (request.num_heads, widths.query),
                (request.num_kv_heads, widths.key),
                (request.num_kv_heads, widths.value),
            )
        ]
        return cls(
            *(torch.randn(shape, generator=generator, requires_grad=grad) for shape in shapes)
        )


def forward_backward(core: AttentionCore[Any], inputs: Inputs) -> None:
    """Compute outputs and all gradients, as a training step does."""
    core.zero_grad()
    for x in (inputs.q, inputs.k, inputs.v):
        x.grad = None
    context = core(inputs.q, inputs.k, inputs.v).context
    context.backward(torch.ones_like(context))


@torch.inference_mode()
def filled_cache(
    core: AttentionCore[Any], request: Request, length: int, cache: AttentionCache | None
) -> AttentionCache:
    """A cache of `length` positions: the one given, extended, or a new one."""
    if request.role is Role.CROSS:
        inputs = Inputs.of(request, length, grad=False)
        return core.source_cache(inputs.k, inputs.v, None)
    if cache is None:
        values = Inputs.of(request, 1, grad=False).v
        cache = core.empty_cache(
            request.batch_size,
            capacity=capacity(request),
            dtype=values.dtype,
            device=values.device,
        )
    while cache.length < length:
        inputs = Inputs.of(request, min(CACHE_CHUNK, length - cache.length), grad=False)
        core.step(inputs.q, inputs.k, inputs.v, cache)
    return cache


class Step:
    """A decoding step; each call adds one position to the cache."""

    def __init__(self, core: AttentionCore[Any], request: Request, cache: AttentionCache) -> None:
        self.core, self.cache = core, cache
        self.inputs = Inputs.of(request, 1, grad=False)
        self.is_cross = request.role is Role.CROSS

    @torch.inference_mode()
    def __call__(self) -> None:
        if self.is_cross:
            self.core.read_source(self.inputs.q, self.cache)
        else:
            self.core.step(self.inputs.q, self.inputs.k, self.inputs.v, self.cache)


def shortest_time(run: Callable[[], None]) -> float:
    """Seconds of the shortest of several runs, the least disturbed; the first warms up."""
    times: list[float] = []
    while len(times) < MAX_REPEATS and sum(times) < MAX_SECONDS:
        if len(times) >= MIN_REPEATS and sum(times) >= MIN_SECONDS:
            break
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    request = Request.from_json(sys.argv[1])
    import_modules(request.imports)
    keep_freed_memory()  # as training does
    print(json.dumps(measure(request)))


if __name__ == "__main__":
    main()
