"""`seq2seq bench quality`: seeds of several settings, trained for one budget, and compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.bench_runs.settings import MEASURES, QualitySettings, read_settings
from seq2seq.errors import ConfigError, UserError

if TYPE_CHECKING:
    from seq2seq.bench_runs.comparison import Comparison


def bench_quality(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Options of `seq2seq train` for all settings.", show_default=False),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=OVERRIDES",
            help="A setting, with its options between spaces; may be repeated. The first is the "
            "baseline.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of settings; without it and --setting, conf/bench/quality.yaml.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds of each setting.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Budget in minutes of steps; a short run finds the steps.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Budget in optimizer steps.")] = None,
    target_tokens: Annotated[int | None, typer.Option(help="Budget in target tokens.")] = None,
    deviation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEASURE=X",
            help="Known deviation over seeds of bleu or loss.",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Read the test split, once, for this setting.", show_default=False
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Runs at once; with several, each has one thread.")
    ] = 1,
    output: Annotated[
        Path, typer.Option(help="Folder of the runs, the ledger, the table and the plot.")
    ] = Path("quality"),
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
    from seq2seq.bench_runs.comparison import Comparison
    from seq2seq.bench_runs.seeds import ensure_settings, read_test, train_seeds
    from seq2seq.bench_runs.steps import plan_steps

    comparison = Comparison.opened(chosen, output, jobs=jobs)
    ensure_settings(comparison, test or [])
    plan_steps(comparison)
    failures = train_seeds(comparison)
    failures += read_test(comparison, test or [])
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
