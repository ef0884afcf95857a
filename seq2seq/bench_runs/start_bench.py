"""The benchmark of start: whole commands, from the shell's view, each beside its bound."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.bench.contest import Contestant, ContestResults, compete
from seq2seq.bench.process import MeasurementError, run_process
from seq2seq.bench.summary import Figure
from seq2seq.bench_runs.planning import TRAIN_COMMAND
from seq2seq.bundle.files import held_out_split, load_bundle
from seq2seq.config.interpolation import quoted
from seq2seq.files import write_lines
from seq2seq.folder.directory import RunDirectory
from seq2seq.jobs import Call, close_input, last_line, started

WHOLE_SECONDS = Figure("seconds", "s")
HELP_PAGE, FIRST_STEP = "train --help", "first training step"
EVALUATE, TRANSLATE = "evaluate one sentence", "translate one sentence"
BOUNDS = {HELP_PAGE: 2.0, FIRST_STEP: 10.0, EVALUATE: 5.0, TRANSLATE: 5.0}  # seconds
SEQ2SEQ = ("-m", "seq2seq.cli.main")
SMALL_CORPUS = ("data=reverse", "data.num_validation=50", "data.num_test=50")
LOOK = 0.01  # seconds between two looks at the reports of a run
FIRST_STEP_LIMIT = 600.0  # seconds within which a run must take its first step


@dataclass(frozen=True)
class StartBench:
    """What `seq2seq bench start` measures.

    Attributes:
        overrides: options of `seq2seq train`; the corpus is prepared before time is taken.
        rounds: of all commands.
    """

    overrides: tuple[str, ...]
    rounds: int

    def measure(self, output: Path) -> tuple[ContestResults, list[str]]:
        """Train for one step, then time each command in rounds; results as of `compete`.

        Raises:
            MeasurementError: the first training failed.
            UserError: `output` holds something else than results.
        """
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run, lines = folder / "run", folder / "lines"
            once = ["trainer.max_steps=1", "trainer.evaluate=false", "schedule.warmup_steps=0"]
            place = f"hydra.run.dir={quoted(str(run))}"
            run_process(
                [sys.executable, *TRAIN_COMMAND, *self.overrides, *once, place], merged=True
            )
            pairs = held_out_split(load_bundle(run), "validation")
            write_lines(lines, [str(pairs.source[0])])
            write_lines(folder / "reference", [pairs.target[0]])
            settings = {"overrides": list(self.overrides), "bounds": BOUNDS}
            contestants = list(self.contestants(folder, run, lines))
            return compete(
                contestants, [WHOLE_SECONDS], rounds=self.rounds, output=output, settings=settings
            )

    def contestants(self, folder: Path, run: Path, lines: Path) -> Iterator[Contestant]:
        """The commands, in the order of BOUNDS."""
        evaluation = [f"run={quoted(str(run))}", f"source={quoted(str(lines))}"]
        evaluation += [
            f"reference={quoted(str(folder / 'reference'))}",
            f"output={quoted(str(folder / 'evaluation'))}",
        ]
        yield Contestant(HELP_PAGE, timed([*SEQ2SEQ, "train", "--help"]))
        yield Contestant(FIRST_STEP, lambda: first_step(self.overrides, folder))
        yield Contestant(EVALUATE, timed([*SEQ2SEQ, "evaluate", *evaluation]))
        yield Contestant(TRANSLATE, timed([*SEQ2SEQ, "translate", "--run", str(run), str(lines)]))


def timed(arguments: Sequence[str]) -> Callable[[], Mapping[str, Any]]:
    """A measurement of the seconds of a whole command of Python."""

    def measure() -> dict[str, float]:
        finished = run_process([sys.executable, *arguments], merged=True)
        return {"seconds": finished.seconds, "peak_bytes": finished.peak_bytes}

    return measure


def first_step(
    overrides: Sequence[str], folder: Path, *, python: Sequence[str] = (sys.executable,)
) -> Mapping[str, Any]:
    """Seconds from the start of a training command until it reports its first step.

    Args:
        folder: where the run may leave its folder.

    Raises:
        MeasurementError: it ended before.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        run, log = Path(name) / "run", Path(name) / "log"
        place = ["trainer.report_every=1", f"hydra.run.dir={quoted(str(run))}"]
        begun = time.monotonic()
        process = started(Call([*python, *TRAIN_COMMAND, *overrides, *place], log))
        try:
            while not has_report(run):
                if process.poll() is not None or time.monotonic() - begun > FIRST_STEP_LIMIT:
                    raise MeasurementError(f"took no step: {last_line(log)}")
                time.sleep(LOOK)
            return {"seconds": time.monotonic() - begun}
        finally:
            process.kill()  # its folder is deleted
            process.wait()
            close_input(process)


def has_report(run: Path) -> bool:
    """Whether a run has reported a step."""
    metrics = RunDirectory(run).metrics
    return metrics.is_file() and metrics.stat().st_size > 0


def bounds_table(results: ContestResults) -> str:
    """The median of each command beside its bound."""
    lines = ["| command | median, s | bound, s | |", "| --- | ---: | ---: | --- |"]
    for row in results["summary"]:
        bound, seconds = BOUNDS[row["contestant"]], row["median"]
        if seconds is None:
            text, verdict = "-", "not measured"
        else:
            text, verdict = f"{seconds:.2f}", "kept" if seconds <= bound else "missed"
        lines.append(f"| {row['contestant']} | {text} | {bound:g} | {verdict} |")
    return "\n".join(lines)
