"""The `seq2seq` console script. Signals are handled before its commands are imported."""

from seq2seq import stopping
from seq2seq.cli.outermost import explained_errors


def main() -> None:
    """Run a command; a mistake of the user is one message and an exit code, without a traceback."""
    with stopping.handled():
        from seq2seq.cli.app import app

        with explained_errors(prints_result=True):
            app()


if __name__ == "__main__":
    main()
