"""The example of an attention mechanism outside the package, and the command that checks it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from seq2seq.attention.contract.clauses import CLAUSES
from seq2seq.errors import ConfigError
from seq2seq.imports import import_modules
from tests.cli.conftest import Command
from tests.integration.commands import ROOT
from tests.marks import slow_but

EXAMPLE = ROOT / "examples" / "my_attention.py"


@dataclass(frozen=True)
class PlantedBug:
    """A change of the example that breaks a clause in a role."""

    clause: str
    role: str
    old: str
    new: str


MASK = "may_read = None if causal or padding is None else padding.key_mask()"
SCALED = "q, k = self.scaled_queries(q), unit(k)\n"
BUGS = [
    PlantedBug("options", "encoder", "= number(10.0, above=0)", "= 10.0"),
    PlantedBug("formula", "encoder", "self.log_scale.exp()[", "self.log_scale.detach().exp()["),
    PlantedBug(
        "groups",
        "encoder",
        SCALED,
        SCALED + "        k, v = (x.repeat(1, q.size(1) // x.size(1), 1, 1) for x in (k, v))\n",
    ),
    PlantedBug(
        "positions",
        "decoder",
        "        cache.append(unit(k), v)\n",
        "        positions = causal_positions(q.size(2), 0, q.device)\n"
        "        cache.append(unit(k), v)\n",
    ),
    PlantedBug("padding", "encoder", MASK, "may_read = None"),
    PlantedBug("future", "decoder", "causal=causal", "causal=False"),
    PlantedBug("steps", "decoder", "cache.append(unit(k), v)", "cache.append(k, v)"),
    PlantedBug("steps", "cross", "SourceCache(unit(k), v, padding)", "SourceCache(k, v, padding)"),
    PlantedBug(
        "weights",
        "cross",
        "return AttentionOutput(context, weights)",
        "return AttentionOutput(context, weights.sqrt())",
    ),
    PlantedBug(
        "empty",
        "cross",
        MASK,
        f"{MASK}\n        if may_read is not None:\n"
        "            may_read = may_read | ~may_read.any(-1, keepdim=True)",
    ),
    PlantedBug("dropout", "encoder", " if self.training else 0.0", ""),
    PlantedBug("precision", "encoder", "(unit(q) * scale).to(q.dtype)", "unit(q) * scale"),
    PlantedBug(
        "state",
        "cross",
        "        return SourceCache(unit(k), v, padding)\n",
        "        k, v = (x.repeat_interleave(self.num_heads // x.size(1), 1) for x in (k, v))\n"
        "        return SourceCache(unit(k), v, padding)\n",
    ),
    PlantedBug(
        "refusals",
        "encoder",
        '    core: ClassVar[str] = "CosineCore"\n',
        '    core: ClassVar[str] = "CosineCore"\n    has_logits: ClassVar[bool] = False\n',
    ),
]


def copy_of(folder: Path, old: str, new: str) -> Path:
    """A copy of the example with a change."""
    code = EXAMPLE.read_text(encoding="utf-8")
    assert code.count(old) == 1, old
    path = folder / "copied_attention.py"
    path.write_text(code.replace(old, new), encoding="utf-8")
    return path


def test_the_example_holds_the_contract(command: Command) -> None:
    checked = command("check-attention", EXAMPLE)
    assert checked.code == 0, checked.out
    rows = {line.split()[0]: line.split()[1:4] for line in checked.out.splitlines() if line}
    assert set(CLAUSES) <= set(rows)
    assert rows["formula"] == ["ok", "ok", "ok"]
    assert rows["future"] == ["-", "ok", "-"]
    assert "FAILED" not in checked.out


QUICKLY_FOUND = [bug for bug in BUGS if bug.clause in ("formula", "padding", "future", "weights")]


@pytest.mark.parametrize(
    "bug", slow_but(QUICKLY_FOUND, BUGS, lambda bug: f"{bug.clause}-{bug.role}")
)
def test_a_planted_bug_is_found(command: Command, tmp_path: Path, bug: PlantedBug) -> None:
    path = copy_of(tmp_path, bug.old, bug.new)
    checked = command("check-attention", path, "--role", bug.role)
    assert checked.code == 1, checked.out
    assert f"FAILED {bug.clause} ({bug.role}): {CLAUSES[bug.clause]}" in checked.out
    assert f"  {bug.clause:10} FAILED" in checked.out


def test_there_is_a_bug_for_every_clause() -> None:
    """But for modifiers: the example takes a gate alone, which acts outside of its core."""
    assert {bug.clause for bug in BUGS} == set(CLAUSES) - {"modifiers"}


def test_two_mechanisms_of_one_name_are_refused(tmp_path: Path) -> None:
    copy = copy_of(tmp_path, "EPSILON = 1e-6", "EPSILON = 1e-5")
    with pytest.raises(
        ConfigError, match="'cosine': is defined by both .*my_attention.* and .*cop"
    ):
        import_modules([str(EXAMPLE), str(copy)])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1", "must register an attention mechanism; put @MECHANISMS.register"),
        ("import gone_missing", "cannot be imported (ModuleNotFoundError: "),
    ],
)
def test_a_file_without_a_mechanism_is_refused(
    command: Command, tmp_path: Path, code: str, message: str
) -> None:
    path = tmp_path / "empty.py"
    path.write_text(code, encoding="utf-8")
    checked = command("check-attention", path)
    assert checked.code == 2 and message in checked.err


def test_a_core_that_does_not_exist_is_a_failure(command: Command, tmp_path: Path) -> None:
    path = copy_of(tmp_path, '= "CosineCore"', '= "LostCore"')
    checked = command("check-attention", path, "--role", "cross")
    assert checked.code == 1
    assert "CosineConfig.core: 'LostCore' names no class" in checked.out
