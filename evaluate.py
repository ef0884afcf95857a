"""Translate and score a test set, and export alignments. `python evaluate.py --help` shows what can be chosen."""

from seq2seq.config.store import run_command
from seq2seq.run.start_evaluate import start_evaluation

if __name__ == "__main__":
    run_command("evaluate", lambda config, folder, overrides: start_evaluation(config))
