"""Our decoding in a process of its own: `python -m seq2seq.bench.decode_own REQUEST STARTED`.

REQUEST is a file of `DecodingRequest`, STARTED the time at which the process was started. It prints
figures as JSON.
"""

import json
import sys
import time
from pathlib import Path

import torch

from seq2seq.bench.decoding import DecodingRequest
from seq2seq.bundle.model import load_model
from seq2seq.config.saved import with_overrides
from seq2seq.files import read_lines, write_lines


def main() -> None:
    path, started = sys.argv[1:]
    request = DecodingRequest.read(Path(path))
    torch.set_num_threads(request.threads)
    model = load_model(request.run, device="cpu")
    overrides = [*request.overrides, f"beam_size={request.beam_size}", "n_best=1"]
    model.decoding = with_overrides(model.decoding, overrides, "decoding.")
    lines = read_lines(Path(request.lines))
    model.translate(lines[:1])  # loads what is loaded at the first use
    start_seconds = time.time() - float(started)
    model.translate(lines[: request.warm_up])
    begun, used = time.perf_counter(), time.process_time()
    translations = model.translations(lines)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    write_lines(Path(request.output), [translation.text for translation in translations])
    write_lines(Path(request.lengths), [str(len(entry.tokens)) for entry in translations])
    figures = {
        "sentences_per_second": len(lines) / seconds,
        "seconds": seconds,
        "processor_seconds": used,
        "start_seconds": start_seconds,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
