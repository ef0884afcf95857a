"""`seq2seq bench quality`: seeds of several settings, trained for one budget, and compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.bench_runs.settings import MEASURES, QualitySettings, read_settings
from seq2seq.errors import ConfigError, UserError

if TYPE_CHECKING:
    from seq2seq.bench_runs.comparison import Comparison


SharedOverrides = Annotated[
    list[str] | None,
    typer.Argument(help="Options of `seq2seq train` for all settings.", show_default=False),
]
TypedSettings = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=OVERRIDES",
        help="A setting, with its options between spaces; may be repeated. The first is the "
        "baseline.",
        show_default=False,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        help="YAML file of settings; without it and --setting, conf/bench/quality.yaml.",
        show_default=False,
    ),
]
Seeds = Annotated[int | None, typer.Option(help="Seeds of each setting.")]
Minutes = Annotated[
    float | None, typer.Option(help="Budget in minutes of steps; a short run finds the steps.")
]
BudgetSteps = Annotated[int | None, typer.Option(help="Budget in optimizer steps.")]
TargetTokens = Annotated[int | None, typer.Option(help="Budget in target tokens.")]
Deviations = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MEASURE=X", help="Known deviation over seeds of bleu or loss.", show_default=False
    ),
]
TestedSettings = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Read the test split, once, for this setting.", show_default=False
    ),
]
Jobs = Annotated[int, typer.Option(min=1, help="Runs at once; with several, each has one thread.")]
QualityFolder = Annotated[
    Path, typer.Option(help="Folder of the runs, the ledger, the table and plot.")
]


def bench_quality(
    overrides: SharedOverrides = None,
    setting: TypedSettings = None,
    settings: SettingsFile = None,
    seeds: Seeds = None,
    minutes: Minutes = None,
    steps: BudgetSteps = None,
    target_tokens: TargetTokens = None,
    deviation: Deviations = None,
    test: TestedSettings = None,
    jobs: Jobs = 1,
    output: QualityFolder = Path("quality"),
) -> None:
    """Train settings with several seeds for one budget, and compare them on the validation split.

    The folder is a ledger: the same command goes on where it was interrupted, and trains only what
    is new. A budget plans the schedule for its steps; without one the configured steps are taken.
    """
    chosen = read_settings(settings, setting or [])
    chosen.base = [*chosen.base, *(overrides or [])]
    chosen.seeds = chosen.seeds if seeds is None else seeds
    set_budget(chosen, {"minutes": minutes, "steps": steps, "target_tokens": target_tokens})
    chosen.deviations |= stated_deviations(deviation or [])
    compare(chosen, output, test or [], jobs)


def compare(settings: QualitySettings, folder: Path, tested: list[str], jobs: int) -> None:
    """Train what the folder lacks, and show what it holds then.

    Args:
        tested: names of the settings whose test split is read.

    Raises:
        UserError: runs failed; the others are shown.
    """
    from seq2seq.bench_runs.comparison import Comparison
    from seq2seq.bench_runs.seeds import ensure_settings, read_test, train_seeds
    from seq2seq.bench_runs.steps import plan_steps

    comparison = Comparison.opened(settings, folder, jobs=jobs)
    ensure_settings(comparison, tested)
    plan_steps(comparison)
    failures = train_seeds(comparison)
    failures += read_test(comparison, tested)
    show_quality(comparison)
    if failures:
        raise UserError("\n  ".join([f"{len(failures)} runs failed", *failures]))


def set_budget(settings: QualitySettings, typed: dict[str, float | None]) -> None:
    """Let budgets of the command line take the place of that of the file."""
    if any(value is not None for value in typed.values()):
        for name, value in typed.items():
            setattr(settings, name, value)


def stated_deviations(typed: list[str]) -> dict[str, float]:
    """Deviations by measure.

    Raises:
        ConfigError: one is not MEASURE=NUMBER.
    """
    stated = {}
    for text in typed:
        name, _, value = text.partition("=")
        try:
            stated[name] = float(value)
        except ValueError:
            raise ConfigError(
                f"--deviation: must be {' or '.join(MEASURES)}=NUMBER, not {text!r}; "
                "write --deviation bleu=0.3"
            ) from None
    return stated


def show_quality(comparison: "Comparison") -> None:
    """Print the table, and write it and the plot beside the ledger."""
    from seq2seq.bench_runs.quality_plot import save_quality
    from seq2seq.bench_runs.quality_table import save_table

    names = [setting.name for setting in comparison.sides]
    print(save_table(comparison.ledger, names, comparison.settings.deviations))
    save_quality(comparison.folder / "quality.png", comparison.ledger, names)
    print(comparison.folder)
