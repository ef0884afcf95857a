"""Train a model. `python train.py --help` shows what can be chosen."""

import sys

from seq2seq.cli.scripts import train_command

if __name__ == "__main__":
    train_command(sys.argv[1:], relaunch=[sys.argv[0]])
