"""Profile the search of translations: CPU time, its parts, and a digest of what was found.

    python scripts/profile_decoding.py [--beam 5] [--sentences 400] [--table 25] [--calls]

A model of the size of `model=tiny` with 8,000 subwords and random weights translates random
sources, as long as those of Multi30k and put into batches as `Translator` does. It hardly ever ends
a sentence itself, so each translation has 1.2 times the length of its source, plus 2. The time is
that of this process's CPU on one thread. Equal digests mean equal hypotheses and scores, bit for
bit.
"""

import argparse
import cProfile
import hashlib
import pstats
import random
import time

import torch
from torch.profiler import ProfilerActivity, profile

from seq2seq.decoding.config import DecodingConfig
from seq2seq.decoding.ensemble import Ensemble
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.search import search
from seq2seq.evaluation.batches import batches_of_one_width, padded_width
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from seq2seq.model.frontend import VocabularySpec
from seq2seq.model.transformer import build_transformer
from seq2seq.padding import UNK_ID, Tokens

VOCABULARY = 8_000
LAYERS = 4
MEAN_LENGTH, SPREAD, LONGEST = 13.0, 4.5, 40  # of sources, in subwords


def tiny() -> Ensemble:
    """A model of the size of Transformer-Tiny, which predicts hardly ever the sentence end."""
    torch.manual_seed(1)
    config = ModelConfig(
        d_ff=256,
        encoder=EncoderConfig(num_layers=LAYERS),
        decoder=DecoderConfig(num_layers=LAYERS),
    )
    model = build_transformer(
        config, source=VocabularySpec(VOCABULARY), target_vocab_size=VOCABULARY
    )
    return Ensemble([model.eval()])


def batches_of(number: int, config: DecodingConfig) -> list[Tokens]:
    """Random sources, put into batches of one width."""
    draw = random.Random(1)
    lengths = [min(max(round(draw.gauss(MEAN_LENGTH, SPREAD)), 3), LONGEST) for _ in range(number)]
    rows = [[draw.randrange(4, VOCABULARY) for _ in range(length)] for length in lengths]
    widths = [padded_width(length + 1, longest=LONGEST + 1) for length in lengths]
    batches = batches_of_one_width(range(number), widths, config, hypotheses=config.hypotheses)
    return [
        Tokens.source([rows[row] for row in batch], width=widths[batch[0]]) for batch in batches
    ]


def translate(
    ensemble: Ensemble, batches: list[Tokens], config: DecodingConfig
) -> list[Hypothesis]:
    """All hypotheses of all batches."""
    return [
        hypothesis
        for batch in batches
        for n_best in search(ensemble, ensemble.encode(batch), config, banned_tokens=[UNK_ID])
        for hypothesis in n_best
    ]


def digest(hypotheses: list[Hypothesis]) -> str:
    return hashlib.sha256(repr(hypotheses).encode()).hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=400)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--table", type=int, default=0, help="operations of torch to list")
    parser.add_argument("--calls", action="store_true", help="list Python functions by own time")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    config = DecodingConfig(
        beam_size=chosen.beam, n_best=chosen.beam, max_length_ratio=1.2, max_length_offset=2
    )
    ensemble, batches = tiny(), batches_of(chosen.sentences, config)
    found = translate(ensemble, batches, config)
    seconds = []
    for _ in range(chosen.repeat):
        before = time.process_time()
        translate(ensemble, batches, config)
        seconds.append(time.process_time() - before)
    best = min(seconds)
    tokens = sum(len(hypothesis.tokens) + 1 for hypothesis in found)
    print(
        f"beam {chosen.beam}, {chosen.sentences} sentences in {len(batches)} batches, "
        f"{tokens} tokens: {best:.3f} s of CPU ({', '.join(f'{x:.3f}' for x in seconds)}), "
        f"{chosen.sentences / best:.0f} sentences/s; digest {digest(found)}"
    )
    if chosen.table:
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            translate(ensemble, batches, config)
        print(profiler.key_averages().table("self_cpu_time_total", row_limit=chosen.table))
    if chosen.calls:
        calls = cProfile.Profile()
        calls.runcall(translate, ensemble, batches, config)
        pstats.Stats(calls).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
