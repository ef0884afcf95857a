"""A plain training loop in PyTorch, for models beside ours: `python -I loop.py MODEL REQUEST`.

MODEL is a file that defines `<name>_model(sizes)`, where the name is that of the file: a module
from ids of sources and of decoder inputs, (B, S) and (B, T), to logits (B, T, V). REQUEST is a JSON
file of `seq2seq.bench.workload`. Beside torch nothing is imported, so that the loop runs in an
environment of its own. It prints figures as JSON.

This is what one writes in an hour: pairs sorted by length, padded to the longest of a batch, AdamW,
clipped gradients, cross entropy over all positions, and autocast if asked for.
"""

import json
import random
import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Rows = list[list[int]]
PlainBatch = tuple[Tensor, Tensor, Tensor]  # source, decoder input, labels


def read_rows(path: Path) -> Rows:
    """Ids of the lines of a file."""
    return [[int(word) for word in line.split()] for line in path.read_text().splitlines()]


def length_sorted(source: Rows, target: Rows, max_tokens: int) -> list[list[int]]:
    """Numbers of the rows of each batch: as many of similar lengths as fit into the tokens."""
    rows = sorted(range(len(target)), key=lambda row: (len(target[row]), len(source[row])))
    batches: list[list[int]] = []
    widest = 0
    for row in rows:
        widest = max(widest, len(source[row]) + 1, len(target[row]) + 1)
        if not batches or (len(batches[-1]) + 1) * widest > max_tokens:
            batches.append([])
            widest = max(len(source[row]), len(target[row])) + 1
        batches[-1].append(row)
    return batches


def padded(rows: Rows, pad_id: int) -> Tensor:
    """(B, longest) ids, padded on the right."""
    width = max(map(len, rows))
    return torch.tensor([row + [pad_id] * (width - len(row)) for row in rows])


def endless(source: Rows, target: Rows, request: dict[str, Any]) -> Iterator[PlainBatch]:
    """The batches of one epoch after another, each in a random order."""
    batches = length_sorted(source, target, request["max_tokens"])
    pad, bos, eos = request["pad_id"], request["bos_id"], request["eos_id"]
    order = random.Random(request["seed"])
    while True:
        order.shuffle(batches)
        for rows in batches:
            yield (
                padded([source[row] + [eos] for row in rows], pad),
                padded([[bos, *target[row]] for row in rows], pad),
                padded([target[row] + [eos] for row in rows], pad),
            )


def timed_steps(model: nn.Module, request: dict[str, Any]) -> dict[str, Any]:
    """Train for the steps of a request, and time those behind the warm-up."""
    folder = Path(request["corpus"])
    source, target = read_rows(folder / "train.source.ids"), read_rows(folder / "train.target.ids")
    batches = endless(source, target, request)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=request["learning_rate"], betas=(0.9, 0.98), eps=1e-9, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 400))
    model.train()
    pad_id = request["pad_id"]
    tokens, started = 0, 0.0
    for step in range(request["warmup"] + request["steps"]):
        if step == request["warmup"]:
            tokens, started = 0, time.perf_counter()
        source_ids, inputs, labels = next(batches)
        with torch.autocast("cpu", torch.bfloat16, enabled=request["bf16"]):
            logits = model(source_ids, inputs)
        loss = F.cross_entropy(
            logits.float().flatten(0, 1),
            labels.flatten(),
            ignore_index=pad_id,
            label_smoothing=request["label_smoothing"],
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        tokens += int((labels != pad_id).sum())
    seconds = time.perf_counter() - started
    return {
        "target_tokens_per_second": tokens / seconds,
        "seconds_per_step": seconds / request["steps"],
        "target_tokens": tokens,
        "last_loss": float(loss.detach()),
        "parameters": sum(x.numel() for x in model.parameters()),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def main() -> None:
    model_file, request_file = sys.argv[1:]
    request = json.loads(Path(request_file).read_text())
    torch.set_num_threads(request["threads"])
    torch.manual_seed(request["seed"])
    build = runpy.run_path(model_file)[f"{Path(model_file).stem}_model"]
    print(json.dumps(timed_steps(build(request), request)))


if __name__ == "__main__":
    main()
