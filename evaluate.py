"""Translate and score a test set, export alignments. `python evaluate.py --help` shows options."""

import sys

from seq2seq.cli.scripts import evaluate_command

if __name__ == "__main__":
    evaluate_command(sys.argv[1:], relaunch=[sys.argv[0]])
