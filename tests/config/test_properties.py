"""Any value of a number, and any two choices, are accepted or refused with their path.

Nothing here reads data: what is refused is refused before.
"""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config.groups import group_options, groups_of
from seq2seq.config.saved import with_overrides
from seq2seq.config.schema import RunConfig
from seq2seq.config.validate import run_problems
from seq2seq.data.sources.base import option_problems
from seq2seq.errors import ConfigError
from seq2seq.options import LARGEST
from tests.config.composing import composed_run
from tests.options import Option, numbers
from tests.scripts.loading import imported_script

EXTREMES = ["nan", "inf", "-inf", "0", "-1", str(-(10**30)), str(10**30)]
GROUPS = {group: group_options(group) for group in groups_of("train")}
NEEDS = {
    "data=hub": ["data.path=a", "data.source_language=b", "data.target_language=c"],
    "data=files": ["data.train.source=a", "data.train.target=b"],
    "alignment_supervision=runs": ["alignment_supervision.runs=[a,b]"],
    "experiment=align_further": ["alignment_supervision.runs=[a,b]"],
}
PAIRS = [
    (f"{first}={choice}", f"{second}={second_choice}")
    for first, second in itertools.combinations(GROUPS, 2)
    for choice in GROUPS[first]
    for second_choice in GROUPS[second]
]


def beyond_bounds(option: Option) -> list[str]:
    """The bounds of a number, and values just inside and outside of them."""
    bounds = option.range
    assert bounds is not None
    step = 1 if option.type is int else 1e-6
    edges = [bounds.at_least, bounds.above, bounds.at_most, bounds.below]
    if option.type is int:
        edges.append(LARGEST)
    return [
        repr(option.type(edge + offset))
        for edge in edges
        if edge is not None
        for offset in (-step, 0, step)
    ]


def problems(option: Option, value: str) -> list[str]:
    """What is refused about a configuration with a value of an option."""
    section, _, name = option.path.partition(".")
    run = composed_run(*option.context)
    try:
        if "[0]" in option.path:
            entries, _, name = option.path.partition("[0].")
            entry = f"{{name: {option.key.split('.')[0]}, {name}: {value}}}"
            run = with_overrides(run, [f"{entries}=[{entry}]"])
        elif name:  # a section alone: ten times as fast as the whole
            part = with_overrides(getattr(run, section), [f"{name}={value}"], f"{section}.")
            run = replace(run, **{section: part})
        else:
            run = with_overrides(run, [f"{option.path}={value}"])
    except ConfigError as error:
        return error.problems
    return list(run_problems(run)) or option_problems(run.data)


def is_legal(option: Option, value: str) -> bool:
    number = float(value)
    if option.type is int:
        if not math.isfinite(number) or not number.is_integer():
            return False
        return int(value) in option.range  # type: ignore[operator]
    return number in option.range  # type: ignore[operator]


def check(option: Option, value: str) -> None:
    """Outside its range a number has one message, with its path; inside, rules may name it."""
    refused = problems(option, value)
    if is_legal(option, value):
        assert all(option.name in problem for problem in refused), (value, refused)
    else:
        assert len(refused) == 1, (value, refused)
        assert refused[0].startswith(f"{option.path}: "), (value, refused)


@pytest.mark.parametrize(("index", "option"), list(enumerate(numbers())), ids=str)
def test_extremes_of_a_number(index: int, option: Option) -> None:
    """Around its bounds, and at two of the extremes, which options take by turns."""
    extremes = [EXTREMES[(index + offset) % len(EXTREMES)] for offset in (0, 3)]
    for value in dict.fromkeys([*extremes, *beyond_bounds(option)]):
        check(option, value)


@given(option=st.sampled_from(numbers()), data=st.data())
def test_any_number(option: Option, data: st.DataObject) -> None:
    is_int = option.type is int
    check(option, repr(data.draw(st.integers() if is_int else st.floats())))


@settings(max_examples=20)
@given(pair=st.sampled_from(PAIRS))
def test_any_two_choices(pair: tuple[str, str]) -> None:
    """They compose, and rules name what they refuse."""
    run = composed_run(*pair, *itertools.chain(*(NEEDS.get(choice, []) for choice in pair)))
    assert isinstance(run, RunConfig)
    sections = {item.partition(".")[0] for item in vars(run)}
    for problem in run_problems(run):
        assert problem.partition(":")[0].split(".")[0] in sections, problem


def test_every_option_has_a_test() -> None:
    with imported_script("options_without_a_test") as script:
        assert list(script.problems()) == []
