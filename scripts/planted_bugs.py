"""Break the code in known ways and show that the contract of attention catches each.

    python scripts/planted_bugs.py [name ...]

Every bug is a change of the source, made in a copy of the package in a temporary directory, where
the tests named with it run until the first failure. Before that the tests run on an unchanged copy
and must pass. The exit code is 1 if a bug survives, or if its change no longer fits the source.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ATTENTION = "seq2seq/attention"
CONTRACT = "tests/attention/test_contract.py"


@dataclass(frozen=True)
class Bug:
    """A change of one file, and the tests that must fail with it.

    Attributes:
        edits: pairs of texts, the old one found exactly once in the file.
        tests: a test file.
        effect: what goes wrong.
        selection: expression that chooses among its tests, as for `pytest -k`.
    """

    name: str
    effect: str
    file: str
    edits: tuple[tuple[str, str], ...]
    tests: str
    selection: str = ""


BUGS = [
    Bug(
        "padding-in-v-only",
        "linear masks v instead of phi(k): padded keys stay in the normaliser",
        f"{ATTENTION}/mechanisms/linear.py",
        (
            ("return k if padding is None else k * real_keys(padding)", "return k"),
            (
                "context = self.attend(q, k, with_ones(v), cache)",
                "v = v if padding is None else v * real_keys(padding)\n"
                "        context = self.attend(q, k, with_ones(v), cache)",
            ),
        ),
        CONTRACT,
        "linear and padding_unseen",
    ),
    Bug(
        "window-one-short",
        "local gathers one key too few beside each block of queries",
        f"{ATTENTION}/mechanisms/local.py",
        (("        reach = self.config.window - 1\n", "        reach = self.config.window - 2\n"),),
        CONTRACT,
        "local and formula and encoder and none",
    ),
    Bug(
        "window-forgotten",
        "local's cache drops the oldest position that the next query reads",
        f"{ATTENTION}/window_cache.py",
        (("keys.size(2) - self.reach, 0)", "keys.size(2) - self.reach + 1, 0)"),),
        CONTRACT,
        "local and steps_equal and none",
    ),
    Bug(
        "counted-twice",
        "strided reads keys that are near and a stride away with both of its halves",
        f"{ATTENTION}/mechanisms/strided.py",
        ((" & ~self.near(i[0], j[0])", ""),),
        CONTRACT,
        "strided and formula and encoder and none",
    ),
    Bug(
        "distance-left-out",
        "logsparse takes every second power of two beyond its blocks",
        f"{ATTENTION}/mechanisms/logsparse.py",
        (("distance *= 2", "distance *= 4"),),
        CONTRACT,
        "logsparse and formula and encoder and none",
    ),
    Bug(
        "global-forgotten",
        "block_sparse reads its global positions in training but not in steps",
        f"{ATTENTION}/mechanisms/block_sparse.py",
        (("torch.arange(min(self.num_global, start))", "torch.arange(0)"),),
        CONTRACT,
        "block_sparse and steps_equal and none",
    ),
    Bug(
        "rope-restarts",
        "rotary positions begin at zero in every cached step",
        f"{ATTENTION}/multihead.py",
        (("first = 0 if cache is None else cache.length", "first = 0"),),
        CONTRACT,
        "full and layer_steps and rope",
    ),
    Bug(
        "absolute-position-restarts",
        "added positions begin at zero in every cached step",
        "seq2seq/model/decoder.py",
        (("self.embedding(ids, first=state.length)", "self.embedding(ids)"),),
        "tests/position/test_in_steps.py",
        "sinusoidal",
    ),
    Bug(
        "bias-restarts",
        "logit biases count the queries of a cached step from zero",
        f"{ATTENTION}/base.py",
        (("return keys[seen:, None], keys[None]", "return keys[:queries, None], keys[None]"),),
        CONTRACT,
        "full and steps_equal and (alibi or t5)",
    ),
    Bug(
        "heads-in-wrong-order",
        "key/value heads are repeated as 0, 1, 0, 1 instead of 0, 0, 1, 1",
        f"{ATTENTION}/kernels.py",
        (
            (
                "    return F.scaled_dot_product_attention(\n",
                "    k, v = (x.repeat(1, q.size(1) // x.size(1), 1, 1) for x in (k, v))\n"
                "    return F.scaled_dot_product_attention(\n",
            ),
        ),
        CONTRACT,
        "full and formula and kv2",
    ),
    Bug(
        "reorder-forgets-v",
        "beams exchange their keys but keep their values",
        f"{ATTENTION}/cache.py",
        (("self._v[:, :, : self.length] = self.v[rows]", "pass"),),
        CONTRACT,
        "full and reordered",
    ),
    Bug(
        "reorder-forgets-normaliser",
        "beams of linear exchange M but keep n",
        f"{ATTENTION}/recurrent.py",
        (
            (
                "self.sums = self.sums[rows]",
                "kept = self.sums[torch.arange(len(rows)) % len(self.sums), ..., -1:]\n"
                "        self.sums = torch.cat([self.sums[rows][..., :-1], kept], -1)",
            ),
        ),
        CONTRACT,
        "linear and reordered",
    ),
    Bug(
        "reorder-forgets-padding",
        "sentences that remain are read with the padding of those that left",
        f"{ATTENTION}/cache.py",
        (
            (
                "self.padding = self.padding.select(rows)",
                "self.padding = self.padding.select(rows.sort().values)",
            ),
        ),
        CONTRACT,
        "full and source_cache",
    ),
    Bug(
        "causal-mask-top-left",
        "several tokens appended at once are aligned with the first keys, not the last",
        f"{ATTENTION}/cache.py",
        (("device=device).tril(seen)", "device=device).tril()"),),
        CONTRACT,
        "full and steps_equal",
    ),
    Bug(
        "growth-loses-the-past",
        "a cache that grows does not copy what it held",
        f"{ATTENTION}/cache.py",
        (
            (
                "        new[:, :, : self.length] = old[:, :, : self.length]\n",
                "        new.zero_()\n",
            ),
        ),
        CONTRACT,
        "full and steps_equal",
    ),
    Bug(
        "beams-interleaved",
        "beams of a sentence are taken for sentences of a beam",
        f"{ATTENTION}/multihead.py",
        (
            (
                "q = q.unflatten(0, (cache.rows, beams)).transpose(1, 2)",
                "q = q.unflatten(0, (beams, cache.rows)).movedim(0, 2)",
            ),
        ),
        CONTRACT,
        "full and beams",
    ),
    Bug(
        "heads-merged-in-place",
        "contexts are flattened without bringing heads and positions into order",
        f"{ATTENTION}/multihead.py",
        (
            (
                "context = output.context.transpose(1, 2).flatten(2)",
                "context = output.context.reshape(x.shape)",
            ),
        ),
        CONTRACT,
        "full and formula",
    ),
    Bug(
        "padding-mask-leaks",
        "a row with nothing to read averages its padding in the path with weights",
        f"{ATTENTION}/kernels.py",
        (("return weights.masked_fill(~may_read, 0)", "return weights"),),
        CONTRACT,
        "full and nothing_to_read and cross",
    ),
    Bug(
        "dropout-in-evaluation",
        "attention dropout does not ask whether the module trains",
        f"{ATTENTION}/mechanisms/full.py",
        (("self.config.dropout if self.training else 0.0", "self.config.dropout"),),
        CONTRACT,
        "full and dropout",
    ),
    Bug(
        "weights-after-dropout",
        "the exported weights are the dropped ones",
        f"{ATTENTION}/kernels.py",
        ((".flatten(1, 2), weights\n", ".flatten(1, 2), dropped\n"),),
        CONTRACT,
        "full and dropout",
    ),
    Bug(
        "weights-detached",
        "exported weights carry no gradient, so nothing can be trained through them",
        f"{ATTENTION}/kernels.py",
        ((".flatten(1, 2), weights\n", ".flatten(1, 2), weights.detach()\n"),),
        CONTRACT,
        "full and formula",
    ),
    Bug(
        "zero-normaliser",
        "a query whose features are zero divides by zero",
        f"{ATTENTION}/recurrent.py",
        (("/ norm.masked_fill(norm == 0, 1)", "/ norm"),),
        "tests/attention/test_linear.py",
        "without_features",
    ),
    Bug(
        "sums-in-bfloat16",
        "running sums are kept in the dtype of the inputs",
        f"{ATTENTION}/recurrent.py",
        (
            (
                "torch.zeros(shape, dtype=torch.float32, device=device)",
                "torch.zeros(shape, dtype=torch.bfloat16, device=device)",
            ),
            (
                "self.sums = self.sums + k.mT @ v\n",
                "self.sums = (self.sums + k.mT @ v).bfloat16()\n",
            ),
            (
                "total = product(q, self.sums[:, :, None])",
                "total = product(q, self.sums.float()[:, :, None])",
            ),
        ),
        "tests/attention/test_linear.py",
        "bfloat16",
    ),
    Bug(
        "chunk-counted-twice",
        "causal linear takes a chunk into its sums before the chunk is read",
        f"{ATTENTION}/mechanisms/linear.py",
        (
            ("            cache.add(k_c, v_c)\n", ""),
            (
                "            scores = kernel_scores(q_c, k_c).tril()\n",
                "            scores = kernel_scores(q_c, k_c).tril()\n"
                "            cache.add(k_c, v_c)\n",
            ),
        ),
        CONTRACT,
        "linear and future",
    ),
    Bug(
        "stabiliser-sees-the-future",
        "performer scales early queries by peaks that later keys set",
        f"{ATTENTION}/mechanisms/performer.py",
        (("MAX_RISE = 50.0", "MAX_RISE = 1e9"),),
        "tests/attention/test_performer.py",
        "future",
    ),
    Bug(
        "stabiliser-sees-padding",
        "performer's peak is taken over padded keys too",
        f"{ATTENTION}/mechanisms/performer.py",
        (
            (
                "return exponents if real is None "
                'else exponents.masked_fill_(~real, float("-inf"))',
                "return exponents",
            ),
        ),
        "tests/attention/test_performer.py",
        "padding",
    ),
    Bug(
        "peak-not-carried",
        "performer's sums are not rescaled when the peak rises",
        f"{ATTENTION}/recurrent.py",
        ((" * (self.peak - peak).exp()[..., None]", ""),),
        CONTRACT,
        "performer and steps_equal",
    ),
    Bug(
        "redrawn-in-evaluation",
        "performer's projection changes under a model that is being evaluated",
        f"{ATTENTION}/mechanisms/performer.py",
        (("if self.training and index != self.draw_index", "if index != self.draw_index"),),
        "tests/attention/test_performer.py",
        "kept_in_evaluation",
    ),
    Bug(
        "drawn-from-the-global-generator",
        "performer's projection depends on what was drawn before, and so on the rank",
        f"{ATTENTION}/mechanisms/performer.py",
        (("torch.Generator().manual_seed(seed)", "torch.default_generator"),),
        "tests/attention/test_performer.py",
        "function_of_seed",
    ),
    Bug(
        "padding-projected",
        "linformer mixes padded positions into its slots",
        f"{ATTENTION}/mechanisms/linformer.py",
        (("k, v = k * real, v * real", "v = v * real"),),
        CONTRACT,
        "linformer and padding_unseen",
    ),
    Bug(
        "additive-slope",
        "the recomputed gradient of tanh is 1 - tanh instead of 1 - tanh^2",
        f"{ATTENTION}/mechanisms/additive.py",
        (("hidden.square_().neg_()", "hidden.neg_()"),),
        CONTRACT,
        "additive and formula",
    ),
    Bug(
        "additive-chunk-position",
        "every chunk of causal additive queries counts its positions from the start",
        f"{ATTENTION}/mechanisms/additive.py",
        (("            first += q_c.size(2)\n", ""),),
        "tests/attention/test_additive.py",
        "CAUSAL",
    ),
    Bug(
        "flash-falls-back",
        "flash takes the quadratic kernel where no fused one serves",
        f"{ATTENTION}/mechanisms/flash.py",
        (("FUSED = [", "FUSED = [SDPBackend.MATH, "),),
        "tests/attention/test_flash.py",
        "fail",
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help="plant these bugs alone")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="bugs tried at the same time"
    )
    options = parser.parse_args()
    unknown = set(options.names) - {bug.name for bug in BUGS}
    if unknown:
        legal = ", ".join(bug.name for bug in BUGS)
        parser.error(f"no bug is called {', '.join(sorted(unknown))}; choose from {legal}")
    chosen = [bug for bug in BUGS if not options.names or bug.name in options.names]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        print(f"{len(chosen)} bugs; first the tests on unchanged code", flush=True)
        if not sound(Path(folder) / "sound", chosen):
            return 1
        results = pool.map(lambda bug: (bug, *caught_by(bug, Path(folder) / bug.name)), chosen)
        survivors = [bug.name for bug, caught, text in results if not report(bug, caught, text)]
    seconds = time.monotonic() - start
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} bugs caught in {seconds:.0f} s")
    if survivors:
        print(f"SURVIVED: {', '.join(survivors)}")
    return 1 if survivors else 0


def report(bug: Bug, caught: bool, message: str) -> bool:
    print(
        f"{'caught' if caught else 'SURVIVED':8}  {bug.name:31}  {bug.effect}\n{'':10}{message}",
        flush=True,
    )
    return caught


def sound(folder: Path, bugs: list[Bug]) -> bool:
    """Whether the tests of these bugs pass on an unchanged copy, and run the copy."""
    copy_package(folder)
    check = "import seq2seq, pathlib; print(pathlib.Path(seq2seq.__file__).resolve().parent.parent)"
    used = run([sys.executable, "-c", check], folder).stdout.strip()
    if Path(used) != folder.resolve():
        print(f"tests in {folder} would run the code in {used}", file=sys.stderr)
        return False
    for tests in sorted({bug.tests for bug in bugs}):
        selection = " or ".join(
            f"({bug.selection})" for bug in bugs if bug.tests == tests and bug.selection
        )
        result = run_tests(tests, selection, folder)
        print(f"          {tests}: {result.stdout.strip().splitlines()[-1]}", flush=True)
        if result.returncode != 0:
            print(result.stdout, file=sys.stderr)
            return False
    return True


def caught_by(bug: Bug, folder: Path) -> tuple[bool, str]:
    """Whether a test fails with the bug in place, and which, or why none could."""
    copy_package(folder)
    path = folder / bug.file
    text = path.read_text(encoding="utf-8")
    for old, new in bug.edits:
        if text.count(old) != 1:
            return False, f"{bug.file} holds {text.count(old)} times, not once: {old.strip()}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    result = run_tests(bug.tests, bug.selection, folder)
    failed = re.search(r"^FAILED (\S+?::.*?)(?: - (.*))?$", result.stdout, re.MULTILINE)
    if result.returncode == 1 and failed:
        return True, f"by {failed[1].rpartition('/')[2]}: {(failed[2] or '').partition(' (')[0]}"
    last = (result.stdout.strip() or result.stderr.strip()).splitlines()[-1]
    return False, f"{bug.tests} -k {bug.selection!r}: {last}"


def copy_package(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("seq2seq", "tests/attention", "tests/position"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)


def run_tests(tests: str, selection: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--tb=no",
        "-rf",
        "-p",
        "no:cacheprovider",
        tests,
    ]
    return run(command + (["-k", selection] if selection else []), folder)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "COLUMNS": "400"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
