"""The `seq2seq` console script. Signals are handled before its commands are imported."""

import sys

from seq2seq import stopping
from seq2seq.cli.outermost import explained_errors
from seq2seq.paths import argument_with_home


def main() -> None:
    """Run a command; a mistake of the user is one message and an exit code, without a traceback."""
    with stopping.handled():
        from seq2seq.cli.app import app

        with explained_errors(prints_result=True):
            app(args=[argument_with_home(argument) for argument in sys.argv[1:]])


if __name__ == "__main__":
    main()
