"""Whether runs that are killed and resumed end as one that was not: a check that users can run."""

import random
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seq.folder.directory import PHASES
from seq2seq.verification.killing import ALTERNATING, START_UP, Command, Instant, Kill

SHORT_RUN = (
    "data=reverse",
    "data.num_train=20000",
    "data.num_validation=300",
    "data.num_test=300",
    "model=tiny",
    "model.encoder.num_layers=1",
    "model.decoder.num_layers=1",
    "data.batch.max_tokens=1024",
    "schedule.warmup_steps=20",
    "trainer.num_threads=1",
    "trainer.max_steps=120",
    "trainer.validate_every=25",
    "trainer.checkpoint_every=10",
    "trainer.report_every=5",
)  # a run of about half a minute, in which each phase lasts long enough to be met


@dataclass(frozen=True)
class Subject:
    """A training command under test.

    Attributes:
        start, resume: arguments of a process that begins or continues the run in a folder.
        outcome: hashes by part of what a finished run left there.
    """

    start: Callable[[Path], list[str]]
    resume: Callable[[Path], list[str]]
    outcome: Callable[[Path], dict[str, str]]

    def arguments(self, run: Path) -> list[str]:
        """Those that begin a run, or continue it if its folder holds its configuration."""
        return self.resume(run) if (run / "config.yaml").is_file() else self.start(run)

    def command(self, run: Path) -> Command:
        """The process that begins or continues a run; it logs beside the run's folder."""
        return Command(self.arguments(run), run, run.parent / "output.log")


@dataclass(frozen=True)
class Trial:
    """A run that was killed, and continued to its end.

    Attributes:
        differing: parts of its outcome that are not those of the undisturbed run.
    """

    kills: list[Kill]
    differing: list[str]

    def row(self) -> str:
        instants = ", ".join(f"{kill.phase} {kill.seconds:.2f} s" for kill in self.kills)
        verdict = f"DIFFERS in {', '.join(self.differing)}" if self.differing else "identical"
        return f"{verdict}; killed in {instants or 'no phase'}"


@dataclass
class Verification:
    """All trials of a subject.

    Attributes:
        durations: seconds that the undisturbed run spent in each phase.
    """

    durations: dict[str, float]
    trials: list[Trial]

    def kills_by_phase(self) -> Counter[str]:
        return Counter(kill.phase for trial in self.trials for kill in trial.kills)

    def kills_after_start_up(self) -> int:
        kills = self.kills_by_phase()
        return kills.total() - kills[START_UP]

    def summary(self) -> str:
        """Kills by phase, and how many runs are identical."""
        kills = self.kills_by_phase()
        counts = ", ".join(f"{phase} {kills[phase]}" for phase in PHASES if phase != START_UP)
        same = sum(not trial.differing for trial in self.trials)
        return (
            f"{self.kills_after_start_up()} kills ({counts}), and {kills[START_UP]} in start-up, "
            f"in {len(self.trials)} runs: {same} of {len(self.trials)} identical"
        )

    def facts(self) -> dict[str, Any]:
        """For a JSON file."""
        return {
            "seconds_by_phase": self.durations,
            "kills_by_phase": dict(self.kills_by_phase()),
            "trials": [asdict(trial) for trial in self.trials],
        }


def training_subject(overrides: Sequence[str]) -> Subject:
    """`seq2seq train` with overrides. The prepared corpus lies beside each run, unless named."""
    train = [sys.executable, "-m", "seq2seq.cli.main", "train"]

    def start(run: Path) -> list[str]:
        names_cache = any(item.startswith("data.cache_dir=") for item in overrides)
        cache = [] if names_cache else [f"data.cache_dir={run.parent / 'cache'}"]
        return [*train, *overrides, *cache, f"hydra.run.dir={run}"]

    def resume(run: Path) -> list[str]:
        return [*train, f"resume={run}"]

    def outcome_of(run: Path) -> dict[str, str]:
        from seq2seq.verification.outcome import outcome

        return outcome(run)

    return Subject(start, resume, outcome_of)


def verify(
    subject: Subject, folder: Path, *, kills: int, kills_per_run: int, seed: int
) -> Iterator[Verification]:
    """Train once undisturbed, then again and again with kills; yields the state after each run.

    The phases of the kills are drawn so that each gets its share; within a phase the instant is
    uniform over the time that the undisturbed run spent in it.

    Args:
        folder: new; gets a folder for each run when it has ended.
        kills: number of kills in all, at least, beside those in start-up.
        kills_per_run: between the start and the end of one run.
        seed: of phases and instants.

    Raises:
        UserError: a command failed otherwise than by being killed.
    """
    randomness = random.Random(seed)
    run = folder / "present" / "run"  # the same for all: paths stand in the files that are compared
    verification = Verification(subject.command(run).finish(), [])
    expected = subject.outcome(run)
    run.parent.rename(folder / "undisturbed")
    yield verification
    while verification.kills_after_start_up() < kills:
        plan = plan_of_kills(kills_per_run, verification, randomness)
        done = kill_by_plan(subject, run, plan, verification.durations, randomness)
        outcome = subject.outcome(run)
        differing = [part for part, digest in expected.items() if outcome.get(part) != digest]
        verification.trials.append(Trial(done, differing))
        run.parent.rename(folder / f"run_{len(verification.trials)}")
        yield verification


def plan_of_kills(count: int, verification: Verification, randomness: random.Random) -> list[str]:
    """The phases in which a run is killed, in the order in which it passes them.

    A phase is the likelier the fewer kills it has had.
    """
    phases = [phase for phase in PHASES if verification.durations.get(phase, 0.0) > 0]
    drawn = verification.kills_by_phase()
    plan = []
    for _ in range(count):
        phase = randomness.choices(phases, [1 / (1 + drawn[phase]) for phase in phases])[0]
        drawn[phase] += 1
        plan.append(phase)
    amid = [phase for phase in plan if phase in ALTERNATING]
    randomness.shuffle(amid)
    ordered = [phase for phase in plan if phase == "preparing"]
    ordered += amid
    ordered += [phase for phase in PHASES[-2:] for _ in range(plan.count(phase))]
    for _ in range(plan.count(START_UP)):
        ordered.insert(randomness.randint(0, len(ordered)), START_UP)
    return ordered


def kill_by_plan(
    subject: Subject,
    run: Path,
    phases: Sequence[str],
    durations: dict[str, float],
    randomness: random.Random,
) -> list[Kill]:
    """Kill a run in each of some phases, and let it end; returns the kills that were made."""
    plan = deque[Instant]()
    for phase in phases:
        share = durations.get(phase, 0.0) / phases.count(phase)
        plan.append(Instant(phase, randomness.uniform(0, share)))
    kills: list[Kill] = []
    while kill := subject.command(run).kill_at(plan):
        kills.append(kill)
    return kills
