"""Bugs in the mechanisms that keep a matrix."""

from planted.bug import ATTENTION, CONTRACT, Bug

DECAYED = f"{ATTENTION}/decayed.py"
CORE = f"{ATTENTION}/recurrent_core.py"

RECURRENCE_BUGS = [
    Bug(
        "decay-after-writing",
        "a decoding step lets what it has just written fade",
        DECAYED,
        (
            ("    matrix = update.g.exp().mT * matrix\n", ""),
            (
                "    matrix = matrix + key * v\n",
                "    matrix = update.g.exp().mT * (matrix + key * v)\n",
            ),
        ),
        CONTRACT,
        "gla and steps_equal",
    ),
    Bug(
        "own-key-twice",
        "a key of a chunk replaces what it writes itself",
        DECAYED,
        ((".tril(-1)", ".tril()"), ("unitriangular=True", "unitriangular=False")),
        CONTRACT,
        "gated_delta and formula",
    ),
    Bug(
        "carried-without-decay",
        "the matrix goes to the next chunk as it is",
        DECAYED,
        (("matrix = decay_c * matrix + added", "matrix = matrix + added"),),
        CONTRACT,
        "retention and formula and causal",
    ),
    Bug(
        "padding-fades",
        "padded positions let the matrix of the encoder fade and write into it",
        CORE,
        (("update = update.only(real_keys(padding))", "pass"),),
        CONTRACT,
        "gla and padding_unseen and encoder",
    ),
    Bug(
        "raw-keys",
        "gated_delta writes with keys of any length",
        f"{ATTENTION}/mechanisms/gated_delta.py",
        (("key = key * (key.square().sum(-1, keepdim=True) + EPSILON).rsqrt()", "pass"),),
        "tests/attention/test_recurrences.py",
        "length",
    ),
]
