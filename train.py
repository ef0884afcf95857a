"""Train a model. `python train.py --help` shows what can be chosen."""

import sys

from seq2seq.config.store import run_command
from seq2seq.run.start import resume_command, start_run

if __name__ == "__main__" and not resume_command(sys.argv[1:]):
    run_command("train", start_run)
