"""The benchmark of data: preparing generated text, opening it, and its share of a step.

Generated text has words of a Zipf distribution, so that its subwords are like those of real text.
The tokenizer is trained beforehand on a part of it.
"""

import itertools
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seq2seq.bench.contest import Contestant, ContestResults, compete
from seq2seq.bench.process import MeasurementError, run_process
from seq2seq.bench.summary import PEAK_MEMORY, SECONDS_PER_STEP, Figure
from seq2seq.bench_runs.planning import ONLY_STEPS, TRAIN_COMMAND, WARM_UP_REPORTS
from seq2seq.bench_runs.run_results import seconds_per_step
from seq2seq.config.interpolation import quoted
from seq2seq.files import write_lines

DATA_FIGURES = (
    Figure("pairs_per_second", "pairs/s prepared"),
    PEAK_MEMORY,
    Figure("open_seconds", "s to open"),
    Figure("batch_seconds", "ms a batch", 1e-3),
    SECONDS_PER_STEP,
    Figure("data_share", "% of a step is data", 1e-2),
)
VOCABULARY = 30_000  # words of each language
SHORTEST, LONGEST_TEXT = 4, 18  # words of a sentence
SAMPLED = 20_000  # pairs that the tokenizer is trained on
HELD_OUT_PAIRS = 500
SYLLABLES = [a + b for a, b in itertools.product("bcdfglmnprstvz", "aeiou")]
WORDS_AT_ONCE = 100_000  # sentences whose words are drawn at once
STAGE = (sys.executable, "-m", "seq2seq.bench_runs.data_costs")


@dataclass(frozen=True)
class DataBench:
    """What `seq2seq bench data` measures.

    Attributes:
        pairs: of the training split.
        overrides: options of `seq2seq train` beside those of the corpus.
        rounds: of all measurements.
    """

    pairs: int
    overrides: tuple[str, ...]
    rounds: int

    def measure(self, output: Path) -> tuple[ContestResults, list[str]]:
        """Generate text, and measure in rounds; results and failures as of `compete`.

        Raises:
            UserError: `output` holds something else than results.
            MeasurementError: the tokenizer cannot be trained.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            corpus = [*text_overrides(folder, self.pairs), *self.overrides]
            model = trained_tokenizer(folder, corpus)
            corpus.append(f"data.tokenizer.source_model={quoted(str(model))}")
            numbers = itertools.count(1)
            ours = Contestant("seq2seq", lambda: costs(folder / f"round_{next(numbers)}", corpus))
            settings = {"pairs": self.pairs, "overrides": list(self.overrides)}
            return compete(
                [ours], DATA_FIGURES, rounds=self.rounds, output=output, settings=settings
            )


def costs(folder: Path, corpus: list[str]) -> Mapping[str, Any]:
    """Prepare the corpus into a new folder, open it, and train on it, in a process each.

    Raises:
        MeasurementError: a process failed.
    """
    overrides = [*corpus, f"data.cache_dir={quoted(str(folder / 'cache'))}"]
    prepared = run_process([*STAGE, "prepare", *overrides])
    opened = run_process([*STAGE, "open", *overrides]).result()
    run = folder / "run"
    place = f"hydra.run.dir={quoted(str(run))}"
    run_process([sys.executable, *TRAIN_COMMAND, *overrides, *ONLY_STEPS, place], merged=True)
    step = seconds_per_step(run, skipped=WARM_UP_REPORTS)
    if step is None:
        raise MeasurementError("training reported no steps per second")
    share = opened["batch_seconds"] * opened["batches_per_step"] / step
    facts = {"peak_bytes": prepared.peak_bytes, **prepared.result(), **opened}
    return {**facts, "seconds_per_step": step, "data_share": share}


def trained_tokenizer(folder: Path, corpus: list[str]) -> Path:
    """The SentencePiece model of a small part of the corpus."""
    cache = folder / "sample"
    limited = [f"data.limit_train={SAMPLED}", f"data.cache_dir={quoted(str(cache))}"]
    run_process([*STAGE, "prepare", *corpus, *limited])
    return next(cache.rglob("joint.model"))


def text_overrides(folder: Path, pairs: int) -> list[str]:
    """Write generated text, and return the options that name it."""
    options = ["data=files"]
    for split, count, seed in (
        ("train", pairs, 1),
        ("validation", HELD_OUT_PAIRS, 2),
        ("test", HELD_OUT_PAIRS, 3),
    ):
        for side, language in (("source", 0), ("target", 1)):
            path = folder / f"{split}.{side}"
            write_lines(path, list(sentences(count, language, [seed, language])))
            options.append(f"data.{split}.{side}={quoted(str(path))}")
    return options


def sentences(count: int, language: int, seed: list[int]) -> Iterator[str]:
    """Sentences of random words; the n-th word is drawn in proportion to 1 / n.

    Args:
        language: whose words they are.
    """
    names = np.array(generated_words(language))
    shares = 1 / np.arange(1, VOCABULARY + 1)
    bounds = np.cumsum(shares / shares.sum())
    random = np.random.Generator(np.random.PCG64(seed))
    for first in range(0, count, WORDS_AT_ONCE):
        lengths = random.integers(SHORTEST, LONGEST_TEXT + 1, min(WORDS_AT_ONCE, count - first))
        drawn = np.searchsorted(bounds, random.random(lengths.sum()))
        text = names[np.minimum(drawn, VOCABULARY - 1)].tolist()
        ends = np.cumsum(lengths).tolist()
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            yield " ".join(text[begin:end])


def generated_words(language: int) -> list[str]:
    """The words of a language, shorter ones first: syllables that spell their numbers."""
    shift = len(SYLLABLES) // 2 * language
    syllables = [*SYLLABLES[shift:], *SYLLABLES[:shift]]
    spelled: list[str] = []
    for length in (1, 2, 3):
        spelled += map("".join, itertools.product(syllables, repeat=length))
        if len(spelled) >= VOCABULARY:
            break
    return spelled[:VOCABULARY]
