"""Evaluation, translation, alignment and the other commands with files that do not fit."""

from collections.abc import Mapping
from types import MappingProxyType

from tests.bad_inputs.case import Case
from tests.packing import packed

NONE: Mapping[str, bytes] = MappingProxyType({})
ONE = ("one",)
BOTH = ("one", "two")


def case(
    name: str,
    does: str,
    *says: str,
    files: Mapping[str, bytes] = NONE,
    models: tuple[str, ...] = ONE,
    stdin: bytes = b"",
) -> Case:
    return Case(name, does, says, files, models=models, stdin=stdin)


BAD = {"bad": b"a\nb\n\xff\n"}
EVALUATION = [
    case("no finished run", "evaluate outputs=.", "no finished run", models=()),
    case("no such run", "evaluate run=nowhere", "nowhere", models=()),
    case("no such run of a sweep", "evaluate run=a=1,b=2", "no folder a=1,b=2", models=()),
    case(
        "a folder that is no run",
        "evaluate run=.",
        "neither a run's folder nor a bundle",
        models=(),
    ),
    case("a split that is a path", "evaluate run=one split=../s", "split"),
    case("a split that is not there", "evaluate run=one split=validation", "validation"),
    case("a split of no corpus", "evaluate run=one split=mine", "mine"),
    case(
        "a source without a reference", "evaluate run=one split=mine source=s", "source, reference"
    ),
    case(
        "a source that is not there",
        "evaluate run=one split=m source=no reference=t",
        "source",
        "no",
    ),
    case(
        "a reference of another length",
        "evaluate run=one split=m source=s reference=short",
        "short",
        files={"short": b"a\n"},
    ),
    case(
        "text that is not UTF-8",
        "evaluate run=one split=m source=bad reference=bad",
        "bad:3",
        files=BAD,
    ),
    case("an unknown metric", "evaluate run=one metrics=[blue]", "metrics", "blue"),
    case("an unknown protocol", "evaluate run=one protocol=raw", "protocol", "raw"),
    case(
        "more translations than hypotheses", "evaluate run=one decoding.n_best=9", "decoding.n_best"
    ),
    case("a layer that is not there", "evaluate run=one alignment.layer=9", "alignment.layer"),
    case("a comparison of one", "evaluate compare=[one]", "compare", "two or more"),
    case("a comparison with itself", "evaluate compare=[one,one]", "compare", "two or more"),
    case("a comparison with nothing", "evaluate compare=[one,nowhere]", "compare", "nowhere"),
    case(
        "a run beside a comparison",
        "evaluate run=one compare=[one,two]",
        "run, compare",
        models=BOTH,
    ),
    case("an output that is a file", "evaluate run=one output=s", "s"),
    case("an output in no folder", "evaluate run=one output=s/below", "s"),
]
TEXT = [
    case("no such text", "translate --run one nowhere", "nowhere", "no such file"),
    case("a folder as text", "translate --run one .", "."),
    case("text with a bad line", "translate --run one bad", "bad:3", files=BAD),
    case("input with a bad line", "translate --run one", "<stdin>:3", stdin=b"a\nb\n\xff\n"),
    case(
        "truncated text",
        "translate --run one s.gz",
        "s.gz",
        files={"s.gz": packed(b"a\n" * 99, ".gz")[:-9]},
    ),
    case(
        "an ensemble of two vocabularies",
        "translate --run one --run other s",
        "one",
        "other",
        models=("one", "other"),
    ),
    case(
        "an ensemble of two directions",
        "translate --run one --run two s",
        "one",
        "two",
        models=BOTH,
    ),
    case("sides of two lengths", "score --run one s short", "short", files={"short": b"a\n"}),
    case("a side that is not there", "score --run one s nowhere", "nowhere"),
    case("a side that is not UTF-8", "score --run one bad bad", "bad:3", files=BAD),
]
ALIGNMENT = [
    case(
        "a layer beyond the last", "align text --run one alignment.layer=9 s t", "alignment.layer"
    ),
    case(
        "a head beyond the last", "align text --run one alignment.heads=[9] s t", "alignment.heads"
    ),
    case("two runs of one direction", "align bidirectional --run one --reverse one s t", "one"),
    case("links that are none", "align symmetrize s t --method union", "s:1", models=()),
    case(
        "links of two lengths",
        "align symmetrize f r --method union",
        "r",
        files={"f": b"0-0\n0-0\n", "r": b"0-0\n"},
        models=(),
    ),
    case("links that are not there", "align symmetrize no no --method union", "no", models=()),
    case("gold that is not there", "align score s --gold no --gold-index-base 0", "no", models=()),
    case(
        "gold links of a word 0 counted from 1",
        "align score f --gold g --gold-index-base 1",
        "g:1",
        files={"f": b"0-0\n", "g": b"0-0\n"},
        models=(),
    ),
    case("no lines to choose by", "align choose --run one --lines 0", "--lines"),
    case("neither gold nor a reverse run", "align choose --run one s t", "--reverse"),
]
OTHERS = [
    case("a report of no evaluation", "report --run one", "one"),
    case("a report on a path", "report --run one --split ../s", "split"),
    case("a report of no run", "report --run nowhere", "nowhere", models=()),
    case("a sweep that is not there", "sweep status nowhere", "nowhere", models=()),
    case("no file to check", "check-data --source no --target no", "no", models=()),
    case("a mechanism that is not there", "check-attention nowhere.py", "nowhere.py", models=()),
    case(
        "a module without mechanisms",
        "check-attention m.py",
        "m.py",
        files={"m.py": b"a = 1\n"},
        models=(),
    ),
    case("an unknown mechanism", "bench attention --mechanisms locl", "locl", models=()),
    case("an unknown role", "bench attention --roles middle", "middle", models=()),
    case("a length of 0", "bench attention --lengths 0", "lengths", models=()),
    case(
        "an output folder that is a file",
        "bench attention --output s/out.json --mechanisms full",
        "s",
        models=(),
    ),
]
CASES = [*EVALUATION, *TEXT, *ALIGNMENT, *OTHERS]
