"""Train a model. `python train.py --help` shows what can be chosen."""

import os
import sys

from seq2seq import stopping

if __name__ == "__main__":
    with stopping.handled():
        from seq2seq.cli.scripts import train_command

        train_command(sys.argv[1:], relaunch=[os.path.abspath(sys.argv[0])])
