"""Errors that a user can fix: the command line prints the message and exits with its code.

A message says what must hold, what was given, and what to do. Programming errors are `assert` or
Python's own exceptions, and those do show a traceback.
"""

import errno
import os
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Base of every error that is answered with a message instead of a traceback."""

    exit_code = 1


class ConfigError(UserError):
    """A configuration that cannot run, with every problem as "path: rule; value; remedy"."""

    exit_code = 2

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        count = len(self.problems)
        head = "" if count == 1 else f"{count} problems in this configuration\n  "
        super().__init__(head + "\n  ".join(self.problems))


class DataError(UserError):
    """A corpus, tokenizer or alignment file that cannot be used; messages name file and line."""


class CheckpointError(UserError):
    """A checkpoint, bundle or run folder that is missing, damaged or does not fit."""


class MissingDependencyError(UserError):
    """An optional package is not installed; the message names the command that installs it."""


class MachineError(UserError):
    """The machine, a disk, a device or a library refused what was asked of it."""


def choices(name: str, legal: Sequence[str]) -> str:
    """The end of a message about an unknown name: "did you mean X? choose from A, B, C"."""
    close = get_close_matches(name, legal, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}choose from {', '.join(legal)}"


# What the system says, by its number, and what to do about it.
SYSTEM_ERRORS = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose a place on another disk"),
    errno.EDQUOT: ("your quota of the disk is used up", "free some space, or choose another disk"),
    errno.EFBIG: ("the file would be larger than is allowed", "raise the limit: ulimit -f"),
    errno.EROFS: ("the disk can only be read", "choose a place that can be written to"),
    errno.EACCES: ("you have no right to do this", "change its owner or mode, or choose another"),
    errno.EPERM: ("you have no right to do this", "change its owner or mode, or choose another"),
    errno.EMFILE: ("this process has too many open files", "raise the limit: ulimit -n"),
    errno.ENFILE: ("this machine has too many open files", "end other processes"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.EISDIR: ("must be a file, and is a folder", "name a file"),
    errno.ENOTDIR: ("a part of this path is no folder", "correct the path"),
    errno.ENOENT: ("no such file or folder", "correct the path"),
    errno.ELOOP: ("the links of this path go in a circle", "correct the links"),
    errno.EEXIST: ("exists already", "choose another name"),
    errno.ENOTEMPTY: ("a folder that holds files stands here", "choose another name"),
    errno.EBADF: ("is closed", "leave it open, or name a file: > FILE"),
    errno.EIO: ("the disk or the network failed", "check the disk, and repeat"),
    errno.ESTALE: ("the network's disk no longer has this file", "repeat, or use a local disk"),
    errno.ENOMEM: ("the memory of this machine is used up", "end other processes"),
    errno.EADDRINUSE: ("the port is in use", "choose another: MASTER_PORT"),
}
UNFINISHED_NAME = re.compile(
    r"(?<![^/])\.([^/]+)\.[\da-f]+-[\d-]+\.partial(?![^/])"
)  # of files.leftovers
UNSEEN = "see where with SEQ2SEQ_TRACEBACK=1"
DAMAGED = ("a file that was read is damaged", f"fetch or write it again; {UNSEEN}")
OUT_OF_MEMORY = (
    "memory ran out",
    "choose a smaller data.batch.max_tokens or model, or end other processes",
)
NETWORK = ("the network, or the server asked, did not answer as it should", "repeat, or go without")
TRAINER = ("the training library refused this configuration", "change the options of trainer")
# Names of classes, or of packages with all their errors; no library is imported to look for one.
LIBRARY_ERRORS = {
    "builtins.MemoryError": OUT_OF_MEMORY,
    "torch.OutOfMemoryError": OUT_OF_MEMORY,
    "builtins.EOFError": DAMAGED,
    "gzip.BadGzipFile": DAMAGED,
    "_pickle.": DAMAGED,  # torch adds the advice to load it unsafely, which is left out
    "zipfile.": DAMAGED,
    "zlib.": DAMAGED,
    "_lzma.": DAMAGED,
    "json.": DAMAGED,
    "yaml.": DAMAGED,
    "safetensors.": DAMAGED,
    "safetensors_rust.": DAMAGED,
    "pyarrow.": DAMAGED,
    "filelock.": ("a file that another process has locked", "wait until it ends"),
    "requests.": NETWORK,
    "httpx.": NETWORK,
    "urllib.": NETWORK,
    "huggingface_hub.": NETWORK,
    "datasets.": ("the corpus cannot be read", "correct the options of data"),
    "lightning.": TRAINER,
    "lightning_fabric.": TRAINER,
    "pytorch_lightning.": TRAINER,
    "omegaconf.": ("an option cannot be read", "correct the option"),
    "hydra.": ("an option cannot be read", "correct the option"),
}
# Texts of errors that torch and SentencePiece raise as RuntimeError or AssertionError.
RUNTIME_ERRORS = (
    (r"out of memory|can't allocate memory|not enough memory|alloc_cpu", OUT_OF_MEMORY),
    (
        r"DataLoader worker .*(killed|exited)",
        ("a process that reads data was ended", "choose a smaller data.num_workers"),
    ),
    (
        r"\bCUDA\b|cuDNN|\bMPS\b|\bHIP\b|NVIDIA driver",
        ("the device refused", "choose trainer.accelerator=cpu or --device cpu"),
    ),
    (
        r"\bgloo\b|\bNCCL\b|Connection (closed|reset) by peer|Socket Timeout|TCPStore",
        ("another process of this run ended or cannot be reached", "see its message"),
    ),
    (r"PytorchStreamWriter", ("a file cannot be written", "free some space on its disk")),
    (r"PytorchStreamReader|unexpected pos|Invalid magic number|wrong byte size", DAMAGED),
    (
        r"Error\(s\) in loading state_dict",
        ("the weights are not of this model", "correct the options of model, or the weights named"),
    ),
    (
        r"sentencepiece|\.cc\(\d+\)",
        ("the tokenizer refused", "correct data.tokenizer, or its file"),
    ),
)


def user_error(error: BaseException) -> UserError | None:
    """The message for an error of a user, the system or a library; None for a programming error.

    Libraries are recognised by the names of their classes, so that none is imported. The outermost
    handler of a process calls this; other places raise a `UserError` of their own, which says more.
    """
    if original := _original(error):
        return original
    if isinstance(error, UserError):
        return error
    if isinstance(error, UnicodeError):
        return _unicode_error(error)
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    for pattern, (reason, remedy) in LIBRARY_ERRORS.items():
        if any(name == pattern or _is_below(name, pattern) for name in names):
            cause = user_error(error.__cause__) if error.__cause__ else None
            told = "" if pattern == "_pickle." else f" ({first_line(error)})"
            return cause or MachineError(f"{reason}{told}; {remedy}")
    if isinstance(error, OSError):
        return _system_error(error)
    if isinstance(error, RuntimeError | AssertionError):
        for pattern, (reason, remedy) in RUNTIME_ERRORS:
            if re.search(pattern, str(error)):
                return MachineError(f"{reason} ({first_line(error)}); {remedy}")
    return None


def message_of(error: BaseException) -> str:
    """The message of an error of a user, or the name and text of a programming error."""
    return str(user_error(error) or f"{type(error).__name__}: {error}")


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says something, or its name."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)


def _is_below(name: str, package: str) -> bool:
    return package.endswith(".") and name.startswith(package)


def _original(error: BaseException) -> UserError | None:
    """The error of a process that reads data, which torch raises here with its traceback as text.

    Such an error has the type of the original one, and lost its number and path.
    """
    text = str(error)
    if not text.startswith("Caught ") or "\nOriginal Traceback " not in text:
        return None
    last = re.split(rf"\n(?:[\w.]+\.)?{type(error).__name__}: ", text)[-1].strip()
    if isinstance(error, UserError):
        return type(error)(last)
    if isinstance(error, OSError):
        parts = re.match(r"\[Errno (\d+)\] (.*?)(?:: '(.*)')?$", last)
        return _system_error(OSError(int(parts[1]), parts[2], parts[3]) if parts else OSError(last))
    return user_error(type(error)(last)) if isinstance(error, MemoryError | RuntimeError) else None


def _unicode_error(error: UnicodeError) -> UserError:
    if isinstance(error, UnicodeEncodeError):
        character = ascii(error.object[error.start : error.start + 1])
        return MachineError(
            f"the character {character} cannot be written as {error.encoding}; use UTF-8, and text "
            "without damaged characters"
        )
    if isinstance(error, UnicodeDecodeError):
        return DataError(
            f"a text must be {error.encoding}, and byte {error.start + 1} is not; convert it: "
            f"iconv -f ENCODING -t UTF-8; {UNSEEN}"
        )
    return DataError(f"a text cannot be read ({error}); convert it to UTF-8")


def _system_error(error: OSError) -> UserError:
    """What the system refused, with the path."""
    names = (x for x in (error.filename, error.filename2) if isinstance(x, str | bytes))
    paths = list(dict.fromkeys(UNFINISHED_NAME.sub(r"\1", os.fsdecode(name)) for name in names))
    if error.errno == errno.ENOENT and not _working_folder_exists():
        return MachineError(
            f"{': '.join([*paths[:1], 'the working folder was removed'])}; change to a folder that "
            "exists"
        )
    links = [path for path in paths if os.path.islink(path) and not os.path.exists(path)]
    if error.errno == errno.ENOENT and links:
        return MachineError(
            f"{links[0]}: is a link to {os.readlink(links[0])}, which does not exist; correct the "
            "link"
        )
    reason, remedy = SYSTEM_ERRORS.get(
        error.errno or 0, (error.strerror or first_line(error), f"correct it; {UNSEEN}")
    )
    return MachineError(f"{': '.join([' -> '.join(paths) or 'a file', reason])}; {remedy}")


def _working_folder_exists() -> bool:
    try:
        return bool(os.getcwd())
    except OSError:
        return False
