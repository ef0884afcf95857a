"""Train the same settings with two versions of this repository, and compare what they write.

    python scripts/compare_versions.py v0.1.0           against the working tree
    python scripts/compare_versions.py v0.1.0 main --setting quick --resume

Each version trains each setting twice: for --steps steps, and for one step, after which the first
moment of AdamW is 1 - beta1 times the clipped gradient. One thread and float32, so that a version
agrees with itself bit for bit.

What must agree, and how closely, is said in `run_differences.py`.

With --resume, a run of version A is killed after a checkpoint, and resumed once by A and once by B.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from run_differences import HEADER, Comparison, compare, first_gradients, gradient_difference

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {
    "quick": [],
    "encoder_gqa": ["encoder_attention=gqa"],
    "encoder_local": ["encoder_attention=local"],
    "decoder_linear": ["decoder_attention=linear"],
    "encoder_linformer": ["encoder_attention=linformer"],
}

SAME_TRAINING = (
    *("schedule=cosine", "schedule.warmup_steps=150", "optimizer.learning_rate=3e-3"),
    *("data.batch.max_tokens=1024", "model.dropout=0.0"),
)  # with AdamW, whatever is the default of a version


class Version:
    """A tree of source files, and where its runs lie.

    Args:
        tree: a checkout.
        runs: folder of its runs, one for each setting.
    """

    def __init__(self, tree: Path, runs: Path) -> None:
        self.tree, self.runs = tree, runs
        has_muon = (tree / "seq2seq" / "training" / "muon.py").is_file()
        self.adamw = ["optimizer.matrices=adamw"] if has_muon else []

    def start(self, log: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(self.tree), "OMP_NUM_THREADS": "1"}
        with open(log, "wb") as file:
            return subprocess.Popen(
                [sys.executable, "train.py", *arguments],
                cwd=self.tree,
                env=environment,
                stdout=file,
                stderr=file,
            )

    def train(self, name: str, arguments: Sequence[str], *, reuse: bool = False) -> Path:
        """The folder of a finished run, trained unless it is there and may be used again."""
        run = self.runs / name
        if reuse and (run / "model" / "manifest.json").is_file():
            return run
        shutil.rmtree(run, ignore_errors=True)
        self.finish(run, [*arguments, *self.adamw, f"hydra.run.dir={run}"])
        return run

    def finish(self, run: Path, arguments: Sequence[str]) -> None:
        log = self.runs / f"{run.name}.log"
        if self.start(log, arguments).wait():
            raise SystemExit(f"error: a run of {self.tree} failed:\n{log.read_text()}")

    def killed(self, name: str, arguments: Sequence[str], *, step: int) -> Path:
        """The folder of a run that was killed after its checkpoint of a step."""
        run = self.runs / name
        shutil.rmtree(run, ignore_errors=True)
        index = run / "checkpoints" / "last.json"
        log = self.runs / f"{name}.log"
        process = self.start(log, [*arguments, *self.adamw, f"hydra.run.dir={run}"])
        while not (index.is_file() and f"step-{step:08d}" in index.read_text()):
            if process.poll() is not None:
                raise SystemExit(f"error: a run of {self.tree} failed:\n{log.read_text()}")
            time.sleep(0.01)
        process.kill()
        process.wait()
        return run

    def resumed(self, killed: Path, name: str) -> Path:
        """The folder of a copy of a killed run, resumed to its end."""
        run = self.runs / name
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(killed, run)
        self.finish(run, [f"resume={run}"])
        return run


@contextmanager
def checkout(revision: str | None) -> Iterator[Path]:
    """A tree of a revision that is removed afterwards; None is the working tree."""
    if revision is None:
        yield ROOT
        return
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run([*git, "add", "--quiet", "--detach", tree, revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", tree], check=True)


def main() -> int:
    options = parse_arguments()
    print(HEADER)
    agree = True
    with checkout(options.a) as tree_a, checkout(options.b) as tree_b:
        a = Version(tree_a, options.output / folder_name(options.a))
        b = Version(tree_b, options.output / folder_name(options.b))
        for setting in options.setting or SETTINGS:
            comparison = (compare_resumed if options.resume else compare_trained)(
                a, b, setting, options
            )
            print(comparison.row(setting), flush=True)
            agree &= comparison.verdict != "differs"
    return 0 if agree else 1


def compare_trained(
    a: Version, b: Version, setting: str, options: argparse.Namespace
) -> Comparison:
    """Train a setting with both versions, for all steps and for one."""
    whole, first = arguments_of(setting, options), first_step(setting, options)
    runs = a.train(setting, whole, reuse=options.reuse), b.train(setting, whole)
    name = f"{setting}_first"
    firsts = a.train(name, first, reuse=options.reuse), b.train(name, first)
    gradient = gradient_difference(*map(first_gradients, firsts))
    return replace(compare(*runs), gradient=gradient)


def compare_resumed(
    a: Version, b: Version, setting: str, options: argparse.Namespace
) -> Comparison:
    """Kill a run of version A, and resume it with both versions."""
    arguments = arguments_of(setting, options)
    killed = a.killed(f"{setting}_killed", arguments, step=options.steps // 3)
    name = f"{setting}_resumed"
    return compare(a.resumed(killed, name), b.resumed(killed, name))


def arguments_of(setting: str, options: argparse.Namespace) -> list[str]:
    return [
        "experiment=quick",
        *SAME_TRAINING,
        *SETTINGS[setting],
        f"data.cache_dir={options.cache.resolve()}",
        "trainer.precision=32-true",
        "trainer.num_threads=1",
        "trainer.report_every=1",
        "trainer.evaluate=true",
        f"trainer.max_steps={options.steps}",
        f"trainer.validate_every={options.steps // 2}",
        f"trainer.checkpoint_every={options.steps // 3}",
    ]


def first_step(setting: str, options: argparse.Namespace) -> list[str]:
    overrides = ["max_steps=1", "validate_every=1", "checkpoint_every=1", "evaluate=false"]
    return [*arguments_of(setting, options), *(f"trainer.{item}" for item in overrides)]


def folder_name(revision: str | None) -> str:
    return "working_tree" if revision is None else revision.replace("/", "_")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("a", metavar="REV_A", help="a commit, tag or branch")
    parser.add_argument(
        "b", metavar="REV_B", nargs="?", help="another; the working tree if left out"
    )
    parser.add_argument(
        "--setting", action="append", choices=SETTINGS, help="only this one; repeatable"
    )
    parser.add_argument(
        "--steps", type=int, default=60, help="optimizer steps, at least 3; default 60"
    )
    parser.add_argument("--resume", action="store_true", help="compare a run of A that both resume")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / "data", help="data.cache_dir of all runs"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "outputs" / "compare_versions",
        help="folder of all runs",
    )
    parser.add_argument(
        "--reuse", action="store_true", help="use finished runs of A in --output again"
    )
    options = parser.parse_args()
    if options.steps < 3:
        parser.error(f"--steps: must be at least 3, not {options.steps}")
    options.output = options.output.resolve()
    return options


if __name__ == "__main__":
    raise SystemExit(main())
