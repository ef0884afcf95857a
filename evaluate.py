"""Translate and score a test set, export alignments. `python evaluate.py --help` shows options."""

import os
import sys

from seq2seq import stopping

if __name__ == "__main__":
    with stopping.handled():
        from seq2seq.cli.scripts import evaluate_command

        evaluate_command(sys.argv[1:], relaunch=[os.path.abspath(sys.argv[0])])
