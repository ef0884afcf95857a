"""Text as a terminal may show it: names and contents of files must not steer it, nor deceive.

Error messages and log lines quote what stands in files. In them an escape sequence could rewrite
what is on the screen, and a mark of direction could show a name as another.
"""

import logging
import unicodedata

KEPT = "\n\t\u200c\u200d"  # layout of messages; joiners that several scripts are written with
ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format, surrogate, line and paragraph separator


def printable(text: str) -> str:
    """Text with control and format characters escaped as in Python, "\\x1b" for instance.

    Line feeds, tabs and the joiners of Persian and Indic scripts stay.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode()
        if c not in KEPT and unicodedata.category(c) in ESCAPED
        else c
        for c in text
    )


class PrintableFormatter(logging.Formatter):
    """Log lines and tracebacks as printable text."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))
