"""`seq2seq verify-resume` over settings that make resuming hard, and a table of all kills.

python scripts/verify_resume_settings.py --kills 16 --output outputs/verify_resume
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from seq2seq.cli.verify_resume import run_trials
from seq2seq.files import atomic_write
from seq2seq.folder.directory import PHASES
from seq2seq.verification.killing import START_UP

SETTINGS = {
    "default": [],
    "accumulation, epochs of odd length": [
        "trainer.accumulate=3",
        "data.num_train=1000",
        "trainer.checkpoint_every=7",
    ],
    "best checkpoint, early stopping": ["trainer.export=best", "trainer.patience=2"],
    "augmentation, word dropout, alignment supervision": [
        "data.augmentation.concatenate=3",
        "batch_transforms=[word_dropout]",
        "alignment_supervision=links",
    ],
    "bfloat16": ["trainer.precision=bf16-mixed"],
    "two processes": ["trainer=ddp_cpu"],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--kills", type=int, default=20, help="in each setting, beside those in start-up"
    )
    parser.add_argument("--kills-per-run", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("outputs/verify_resume"))
    parser.add_argument("--setting", action="append", choices=SETTINGS, help="repeatable")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for seed, setting in enumerate(options.setting or SETTINGS):
        print(f"\n{setting}", flush=True)
        folder = options.output.absolute() / setting.replace(",", "").replace(" ", "_")
        results[setting] = run_trials(
            folder, SETTINGS[setting], options.kills, options.kills_per_run, seed
        )
        atomic_write(options.output / "kills.json", json.dumps(results, indent=2).encode())
    print(table(results))
    return int(any(trial["differing"] for item in results.values() for trial in item["trials"]))


def table(results: dict[str, Any]) -> str:
    """Kills by phase and runs by setting, in Markdown; those in start-up stand apart."""
    names = [name for name in PHASES if name != START_UP]
    lines = [
        f"| setting | {' | '.join(names)} | all of these | {START_UP} | identical runs |",
        "|---" * (len(names) + 4) + "|",
    ]
    total: Counter[str] = Counter()
    for setting, facts in results.items():
        lines.append(row(setting, Counter(facts["kills_by_phase"]), facts["trials"]))
        total += Counter(facts["kills_by_phase"])
    trials = [trial for facts in results.values() for trial in facts["trials"]]
    return "\n".join([*lines, row("all", total, trials)])


def row(setting: str, kills: Counter[str], trials: list[dict[str, Any]]) -> str:
    same = sum(not trial["differing"] for trial in trials)
    counts = [kills[phase] for phase in PHASES if phase != START_UP]
    cells = [setting, *counts, sum(counts), kills[START_UP], f"{same} of {len(trials)}"]
    return f"| {' | '.join(str(cell) for cell in cells)} |"


if __name__ == "__main__":
    raise SystemExit(main())
