"""Speed and memory of configurations, measured in turn on one machine: `seq2seq bench runs`.

One run stands for each configuration. In every round, each trains some steps from the start and
translates its test split, in processes of their own.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.bench.contest import RESULT_KEYS, Contestant, ContestResults, compete
from seq2seq.bench.decoding import DecodingRequest
from seq2seq.bench.decoding_peers import OWN_COMMAND
from seq2seq.bench.peers.catalogue import of_threads_number
from seq2seq.bench.process import run_process
from seq2seq.bench.summary import PEAK_MEMORY, TOKENS_PER_SECOND, Figure
from seq2seq.bench.training import own_command
from seq2seq.bounded import read_json
from seq2seq.bundle.locate import find_bundle, saved_config
from seq2seq.config.plain import as_plain
from seq2seq.errors import DataError
from seq2seq.processes import available_cores
from seq2seq.runs_report.collect import finished_runs
from seq2seq.runs_report.configurations import flattened, telling_paths
from seq2seq.runs_report.run_result import RunValue
from seq2seq.runs_report.run_values import saved_overrides

SPEED_FIGURES = (
    TOKENS_PER_SECOND,
    Figure("training_peak_bytes", "MB at most, training", 2**20),
    Figure("sentences_per_second", "sentences/s"),
    PEAK_MEMORY,
)
MEASURES_OF_FIGURES = {
    "target_tokens_per_second": "training_speed",
    "training_peak_bytes": "training_memory",
    "sentences_per_second": "translation_speed",
    "peak_bytes": "peak_memory",
}  # of a report, by the figures of the benchmark
SPLIT = "test"


@dataclass(frozen=True)
class SpeedBench:
    """What `seq2seq bench runs` measures.

    Attributes:
        places: folders of runs, or folders above them.
        threads: of each process; None for the cores that this process may use.
        warmup, steps: of training, before time is taken and while it is.
        rounds: in which each configuration is measured once.
    """

    places: Sequence[Path]
    beam_size: int
    threads: int | None
    warmup: int
    steps: int
    rounds: int

    def measured(self, output: Path) -> tuple[ContestResults, list[str]]:
        """Measure every configuration; results and failures as of `compete`.

        Raises:
            UserError: a place holds no finished run, or the output something else than results.
        """
        runs = one_of_each([run for place in self.places for run in finished_runs(place)])
        threads = self.threads or available_cores()
        settings = {
            "runs": list(map(str, runs)),
            "beam_size": self.beam_size,
            "threads": threads,
            "warmup": self.warmup,
            "steps": self.steps,
            "split": SPLIT,
        }
        contestants = [Contestant(str(run), self.measurement(run, threads)) for run in runs]
        return compete(
            contestants, SPEED_FIGURES, rounds=self.rounds, output=output, settings=settings
        )

    def measurement(self, run: Path, threads: int) -> Callable[[], Mapping[str, Any]]:
        """A measurement of training and translation with a run's configuration."""
        environment = of_threads_number(threads)
        steps = json.dumps({"warmup": self.warmup, "steps": self.steps})
        overrides = [*saved_overrides(run), f"trainer.num_threads={threads}"]

        def measure() -> dict[str, Any]:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                command = own_command("own_training", steps, overrides, folder)
                trained = run_process(command, environment=environment).result()
                request = folder / "request.json"
                self.decoding_request(run, folder, threads).save(request)
                command = [sys.executable, *OWN_COMMAND, str(request), repr(time.time())]
                finished = run_process(command, environment=environment)
            facts = {"training_peak_bytes": trained.pop("peak_bytes"), "threads": threads}
            return {**trained, "peak_bytes": finished.peak_bytes, **finished.result(), **facts}

        return measure

    def decoding_request(self, run: Path, folder: Path, threads: int) -> DecodingRequest:
        """What the process translates."""
        lines = find_bundle(run) / "text" / f"{SPLIT}.source"
        return DecodingRequest(
            run=str(run.absolute()),
            lines=str(lines.absolute()),
            lengths=str(folder / "lengths"),
            beam_size=self.beam_size,
            threads=threads,
            overrides=[],
            output=str(folder / "output"),
        )


def one_of_each(runs: Sequence[Path]) -> list[Path]:
    """The first run of each configuration."""
    chosen: dict[Any, Path] = {}
    for run in dict.fromkeys(runs):
        options = flattened(as_plain(saved_config(run)))
        chosen.setdefault(
            tuple((path, repr(options[path])) for path in telling_paths(options)), run
        )
    return list(chosen.values())


def speeds_of(path: Path) -> dict[Path, dict[str, RunValue]]:
    """What a benchmark of configurations measured, by run: medians over the rounds.

    Raises:
        DataError: the file holds no results of `seq2seq bench runs`.
    """
    try:
        content = read_json(path)
        if not content.keys() >= set(RESULT_KEYS) or "runs" not in content["settings"]:
            raise ValueError("its keys are others")
        basis = {
            "processor": str(content["machine"]["processor"]),
            "threads": str(content["settings"]["threads"]),
            "measured": str(content["date"]),
        }
        speeds: dict[Path, dict[str, RunValue]] = {}
        for row in content["summary"]:
            if row["median"] is not None and row["figure"] in MEASURES_OF_FIGURES:
                values = speeds.setdefault(Path(row["contestant"]), {})
                values[MEASURES_OF_FIGURES[row["figure"]]] = RunValue(row["median"], basis)
        return speeds
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: must hold what `seq2seq bench runs` measured ({error!r}); name its output"
        ) from error
