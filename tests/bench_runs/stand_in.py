"""Stands for training, counting and scoring in `seq2seq bench quality`: no model, no torch."""

PROGRAM = """
import json, os, sys
from pathlib import Path

arguments = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
module, rest = arguments[1], arguments[2:]
options = dict(item.split("=", 1) for item in rest if "=" in item)
refused = os.environ.get("REFUSED")

def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))

if module == "seq2seq.bench_runs.count_steps":
    write(Path(rest[1]), {"steps": int(rest[0]) // 100, "target_tokens": int(rest[0])})
elif module == "seq2seq.bench_runs.held_out":
    run, split = Path(rest[0]), rest[1]
    seed = int(run.name.split("_")[1])
    bonus = {"baseline": 0.0, "better": 1.0}.get(run.parent.name, -1.0)
    scores = {"loss": 2 - bonus / 10 + seed / 100, "bleu": 30 + bonus + seed / 10}
    write(Path(rest[2]), {**scores, "signature": split, "sentences": 3})
elif "resume" in options:
    run = Path(options["resume"])
    write(run / "status.json", {"state": "finished", "step": 40, "training_seconds": 9.0})
else:
    run = Path(options["hydra.run.dir"].strip("'"))
    name = f"{run.parent.name}/{run.name}"
    steps = int(options["trainer.max_steps"])
    write(run / "config.yaml", "name: x")
    speeds = {"train/steps_per_second": 2.0, "train/target_tokens_per_second": 200.0}
    slow = {**speeds, "train/steps_per_second": 0.5}
    lines = [
        {"step": steps // 4, "train/loss": 5.0, **slow},
        {"step": steps // 2, "train/loss": 4.0, **slow},
        {"step": steps // 2, "val/loss": 3.0, "val/bleu": 7.0},
        {"step": steps, "train/loss": 3.0, **speeds},
        {"step": steps, "val/loss": 2.5, "val/bleu": 8.0},
    ]
    write(run / "metrics.jsonl", "".join(json.dumps(line) + "\\n" for line in lines))
    if name == os.environ.get("STOPPED"):
        write(run / "status.json", {"state": "stopped", "step": steps // 2})
        sys.exit("it was stopped")
    if name == refused:
        sys.exit("the learning rate was refused")
    write(run / "status.json", {"state": "finished", "step": steps, "training_seconds": 21.0})
"""
