"""MarianMT of transformers that decodes: `python -I marian_decode.py REQUEST STARTED`.

REQUEST is a JSON file of `seq2seq.bench.decoding`. Its weights are random, so that no hypothesis
would end by itself: each batch is decoded to the longest of the lengths that the file
`<lines>.lengths` has for its rows. Beside torch and transformers nothing is imported. It prints
figures as JSON.
"""

import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import torch

MODEL_FILE = Path(__file__).with_name("marian.py")


def generated(
    model: Any, request: dict[str, Any], rows: list[list[int]], lengths: list[int]
) -> int:
    """Decode all rows in batches of similar lengths; returns the tokens of the translations."""
    size, sizes = request["settings"]["batch_size"], request["settings"]["sizes"]
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
    tokens = 0
    for first in range(0, len(order), size):
        batch = order[first : first + size]
        width = max(len(rows[row]) for row in batch) + 1
        ids = torch.full((len(batch), width), sizes["pad_id"])
        for place, row in enumerate(batch):
            ids[place, : len(rows[row]) + 1] = torch.tensor([*rows[row], sizes["eos_id"]])
        length = max(lengths[row] for row in batch) + 1
        output = model.generate(
            input_ids=ids,
            attention_mask=(ids != sizes["pad_id"]).long(),
            num_beams=request["beam_size"],
            do_sample=False,
            use_cache=True,
            length_penalty=1.0,
            min_new_tokens=length,
            max_new_tokens=length,
        )
        tokens += output.size(0) * (output.size(1) - 1)
    return tokens


def main() -> None:
    path, started = sys.argv[1:]
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    settings = request["settings"]
    torch.set_num_threads(request["threads"])
    torch.manual_seed(1)
    model = runpy.run_path(str(MODEL_FILE))["marian_model"](settings["sizes"]).model.eval()
    lines = Path(settings["ids"]).read_text().splitlines()
    rows = [[int(number) for number in line.split()] for line in lines]
    lengths = [int(line) for line in Path(request["lengths"]).read_text().split()]
    with torch.inference_mode():
        generated(model, request, rows[:1], lengths[:1])
        start_seconds = time.time() - float(started)
        warm_up = request["warm_up"]
        generated(model, request, rows[:warm_up], lengths[:warm_up])
        begun, used = time.perf_counter(), time.process_time()
        tokens = generated(model, request, rows, lengths)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    figures = {
        "sentences_per_second": len(rows) / seconds,
        "seconds": seconds,
        "processor_seconds": used,
        "start_seconds": start_seconds,
        "decoded_tokens": tokens,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
