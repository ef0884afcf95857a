"""Time a sweep of equal cells one after another and two side by side, and compare their bits.

    python scripts/sweep_times.py [--cells 8] [--steps 300] [OPTION=VALUE ...]

Three sweeps of the same cells are trained on a generated corpus: `sweep.jobs=1` and `sweep.jobs=2`
with one thread each, and `sweep.jobs=1` with two threads. The exit code is 1 if the second takes
more than 0.65 of the time of the first, or leaves other bits. The machine should do nothing else.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from seq2seq.verification.outcome import outcome

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = [
    *("data=reverse", "data.num_train=4000", "data.num_validation=50", "data.num_test=50"),
    *("model.d_model=128", "model.d_ff=256", "trainer.precision=32-true"),
    *("trainer.validate_every=100", "trainer.checkpoint_every=100", "trainer.bleu_lines=0"),
    *("trainer.metric=loss", "trainer.evaluate=false"),
]
LIMIT = 0.65  # of the time one after another
CASES = {"one after another": (1, 1), "side by side": (2, 1), "two threads": (1, 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("overrides", nargs="*", metavar="OPTION=VALUE", help="of every cell")
    parser.add_argument("--cells", type=int, default=8, help="cells of each sweep")
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps of each cell")
    arguments = parser.parse_args()
    options = [*OPTIONS, f"trainer.max_steps={arguments.steps}", *arguments.overrides]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        options.append(f"data.cache_dir={work / 'cache'}")
        sweep(work / "corpus", [*options, "trainer.max_steps=1"], 1, 1, 1)  # prepares it
        times = {}
        for title, (jobs, threads) in CASES.items():
            times[title] = sweep(work / title, options, arguments.cells, jobs, threads)
            print(f"{title}: {times[title]:.1f} s", flush=True)
        first, second, _ = (outcomes(work / title) for title in CASES)
    one, two, _ = times.values()
    print(f"side by side takes {two / one:.2f} of the time; same bits: {first == second}")
    return 0 if two / one <= LIMIT and first == second else 1


def sweep(folder: Path, options: list[str], cells: int, jobs: int, threads: int) -> float:
    """Train a sweep of cells that differ in their seeds; returns the seconds it took."""
    seeds = "seed=" + ",".join(str(seed) for seed in range(1, cells + 1))
    sides = [f"sweep.jobs={jobs}", f"trainer.num_threads={threads}", f"hydra.sweep.dir={folder}"]
    command = [sys.executable, str(ROOT / "train.py"), "-m", *options, seeds, *sides]
    variables = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    began = time.monotonic()
    subprocess.run(command, check=True, env=variables, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def outcomes(folder: Path) -> dict[str, dict[str, str]]:
    """What each cell of a sweep left, as hashes."""
    return {path.parent.name: outcome(path.parent) for path in sorted(folder.glob("*/run.json"))}


if __name__ == "__main__":
    raise SystemExit(main())
