"""The Python interface with what it cannot take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import seq2seq
from tests.bad_inputs.case import Case


def of_model(name: str, use: Callable[[Any], object], *says: str) -> Case:
    """A use of the model of the run `one`."""

    def call(folder: Path) -> object:
        return use(seq2seq.load(folder / "one", device="cpu"))

    return Case(name, call, says, models=("one",))


def with_option(name: str, option: str, value: object, *says: str) -> Case:
    def use(model: Any) -> object:
        section, _, key = option.partition(".")
        setattr(getattr(model, section), key, value)
        return model.translate(["a"], alignments=section == "alignment")

    return of_model(name, use, option, *says)


CASES = [
    Case("no such run", lambda folder: seq2seq.load(folder / "nowhere"), ("nowhere",)),
    Case("a file as a run", lambda folder: seq2seq.load(folder / "s"), ("s",)),
    Case(
        "a device that is not there",
        lambda folder: seq2seq.load(folder / "one", device="cuda:9"),
        ("cuda:9",),
        models=("one",),
    ),
    of_model(
        "an engine with an option that it cannot honour",
        lambda model: (
            model.decoding.__dict__.update(engine="ctranslate2", min_length=2)
            or model.translate(["a"])
        ),
        "decoding.min_length",
        "choose engine=torch",
    ),
    Case(
        "a module that is not there",
        lambda folder: seq2seq.load(folder / "one", imports=["nowhere.py"]),
        ("imports: nowhere.py",),
        models=("one",),
    ),
    Case(
        "an ensemble of two vocabularies",
        lambda folder: seq2seq.load(folder / "one", folder / "other", device="cpu"),
        ("one", "other"),
        models=("one", "other"),
    ),
    of_model("a string for a list", lambda model: model.translate("a b"), "lines", "[sentence]"),
    of_model(
        "None among the lines",
        lambda model: model.translate(["a", None]),
        "lines: line 2",
    ),
    of_model(
        "a number among the lines",
        lambda model: model.translate([1.5]),
        "lines: line 1",
    ),
    of_model(
        "half a surrogate pair",
        lambda model: model.translate(["a", "b", "\ud800"]),
        "lines: line 3",
    ),
    of_model("None as lines", lambda model: model.translate(None), "lines"),
    of_model(
        "prefixes of another number", lambda model: model.translate(["a"], prefixes=[]), "prefixes"
    ),
    of_model(
        "None among the prefixes",
        lambda model: model.translate(["a"], prefixes=[None]),
        "prefixes: line 1",
    ),
    of_model("targets of another number", lambda model: list(model.score(["a"], [])), "targets"),
    of_model(
        "None among the targets",
        lambda model: list(model.score(["a"], [None])),
        "targets: line 1",
    ),
    with_option("an option with a slip", "decoding.beam", 3, "did you mean"),
    with_option("no hypotheses", "decoding.beam_size", 0, "at least 1"),
    with_option("a word for a number", "decoding.beam_size", "many", "many"),
    with_option("a fraction of a hypothesis", "decoding.beam_size", 2.5, "2.5"),
    with_option("an unknown method", "decoding.method", "random", "random"),
    with_option("a ratio that is no number", "decoding.max_length_ratio", float("nan"), "nan"),
    with_option("an option that nothing reads", "decoding.top_k", 5, "method=sampling"),
    with_option("a layer beyond the last", "alignment.layer", 9, "layer"),
]
