"""Hours of training with a kill every one to three minutes, beside the same training undisturbed.

    python scripts/soak.py --minutes 120 --output outputs/soak

Two runs of one configuration train side by side, one thread each. One is killed again and again
(SIGKILL, at times SIGTERM) and resumed. At the end everything that they left must be the same. The
log, soak.jsonl, holds each minute the memory and the open files of the undisturbed process and the
size of the other run's folder, and each kill.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from seq2seq.files import append_text
from seq2seq.folder.directory import RunDirectory
from seq2seq.verification.outcome import outcome
from seq2seq.verification.verify_resume import training_subject

OPTIONS = (
    "data=reverse",
    "data.num_train=100000",
    "data.num_validation=200",
    "data.num_test=200",
    "model=tiny",
    "data.batch.max_tokens=512",
    "trainer.num_threads=1",
    "trainer.validate_every=400",
    "trainer.checkpoint_every=20",
    "trainer.report_every=10",
)
CALIBRATION_STEPS = 400
SETTLED = 600  # seconds after which memory, files and disk must stay flat
SAMPLE_EVERY = 60
PATIENCE = (60, 180)  # seconds between two kills
TERM_SHARE = 0.3  # of kills by SIGTERM


def start(options: Sequence[str], run: Path) -> "subprocess.Popen[bytes]":
    """Begin a run, or continue it; it logs beside its folder."""
    with run.with_suffix(".log").open("ab") as file:
        arguments = training_subject(options).arguments(run)
        return subprocess.Popen(arguments, stdout=file, stderr=file, start_new_session=True)


class Soak:
    """The two runs, and the log.

    Args:
        folder: of runs, corpus and log.
        minutes: that the undisturbed training is to take.
    """

    def __init__(self, folder: Path, minutes: float, seed: int) -> None:
        folder.mkdir(parents=True)
        self.folder, self.minutes = folder, minutes
        self.randomness = random.Random(seed)
        self.log = folder / "soak.jsonl"
        self.started = time.monotonic()
        self.undisturbed, self.killed = folder / "undisturbed", folder / "killed"
        self.options = [*OPTIONS, f"data.cache_dir={folder / 'cache'}"]

    def run(self) -> int:
        """Train both; returns 0 if they end the same."""
        self.options.append(f"trainer.max_steps={self.steps()}")
        self.started = time.monotonic()
        undisturbed = start(self.options, self.undisturbed)
        process, kills = start(self.options, self.killed), 0
        next_kill, next_sample = self.draw_kill(), 0.0
        while undisturbed.poll() is None or not finished(process):
            time.sleep(0.5)
            now = self.seconds()
            if now >= next_sample:
                next_sample = now + SAMPLE_EVERY
                self.sample(undisturbed)
            if process.poll() is not None and not finished(process):
                process = start(self.options, self.killed)
            elif process.poll() is None and now >= next_kill:
                kills += 1
                self.kill(process)
                process, next_kill = start(self.options, self.killed), self.draw_kill()
        return self.compare(kills)

    def steps(self) -> int:
        """Optimizer steps that take `minutes` while both runs train, by a short training of two."""
        runs = [self.folder / f"calibration_{number}" for number in (1, 2)]
        options = ["trainer.evaluate=false", f"trainer.max_steps={CALIBRATION_STEPS}"]
        processes = [start([*self.options, *options], run) for run in runs]
        codes = [process.wait() for process in processes]
        if any(codes):
            raise SystemExit(f"error: training failed; see the logs in {self.folder}")
        seconds = max(RunDirectory(run).status()["training_seconds"] for run in runs)
        steps = round(self.minutes * 60 * CALIBRATION_STEPS / seconds)
        self.write({"steps": steps, "seconds_of_calibration": seconds})
        return steps

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        is_term = self.randomness.random() < TERM_SHARE
        number = signal.SIGTERM if is_term else signal.SIGKILL
        status = RunDirectory(self.killed).status()
        os.killpg(process.pid, number)
        begun = time.monotonic()
        code = process.wait()
        facts = {key: status.get(key) for key in ("phase", "step")}
        self.write(
            {"kill": number.name, "exit_code": code, "wait": time.monotonic() - begun} | facts
        )

    def sample(self, process: "subprocess.Popen[bytes]") -> None:
        sizes = list(file_sizes(self.killed))
        facts: dict[str, Any] = {"killed_run_bytes": sum(sizes), "killed_run_files": len(sizes)}
        if process.poll() is None:
            facts |= process_facts(process.pid)
        self.write(facts)

    def compare(self, kills: int) -> int:
        first, second = outcome(self.undisturbed), outcome(self.killed)
        differing = [part for part in first if first[part] != second[part]]
        self.write({"kills": kills, "differing": differing, **self.growth()})
        print(self.log.read_text(encoding="utf-8").splitlines()[-1])
        return int(bool(differing))

    def growth(self) -> dict[str, Any]:
        """Smallest and largest of each measure after it has settled."""
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        measures = ("rss_bytes", "open_files", "killed_run_bytes", "killed_run_files")
        settled = [line for line in lines if line["second"] >= SETTLED]
        values = {name: [line[name] for line in settled if name in line] for name in measures}
        return {name: [min(items), max(items)] for name, items in values.items() if items}

    def draw_kill(self) -> float:
        return self.seconds() + self.randomness.uniform(*PATIENCE)

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def write(self, facts: dict[str, Any]) -> None:
        append_text(self.log, json.dumps({"second": round(self.seconds()), **facts}) + "\n")


def finished(process: "subprocess.Popen[bytes]") -> bool:
    return process.poll() == 0


def file_sizes(folder: Path) -> Iterator[int]:
    """Bytes of each file in a folder, in which files come and go meanwhile."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                yield path.stat().st_size


def process_facts(pid: int) -> dict[str, int]:
    """Resident memory and open files of a process, from /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    files = len(os.listdir(f"/proc/{pid}/fd"))
    return {"rss_bytes": pages * os.sysconf("SC_PAGE_SIZE"), "open_files": files}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--output", type=Path, default=Path("outputs/soak"), help="a new folder")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.output.exists():
        parser.error(f"--output: must be a new folder, and {options.output} exists")
    return Soak(options.output.absolute(), options.minutes, options.seed).run()


if __name__ == "__main__":
    raise SystemExit(main())
