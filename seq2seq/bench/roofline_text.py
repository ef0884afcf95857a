"""How near training comes to the roofline, and where the rest of its time goes, as text."""

from seq2seq.bench.contest import ContestResults
from seq2seq.bench.summary import TOKENS_PER_SECOND, written


def roofline_text(results: ContestResults) -> str:
    """The share of the roofline that our training reaches, and a table of the parts of a step."""
    roofline, profile = results["roofline"], results["profile"]
    least = roofline["target_tokens_per_second"]
    lines = [
        f"least possible: {milliseconds(roofline['seconds_per_batch'])} ms a step, "
        f"{written(least)} target tokens/s in {roofline['precision']} by {roofline['threads']} "
        "threads",
    ]
    reached = median_of_ours(results)
    if reached is not None:
        lines.append(
            f"training: {written(reached)} target tokens/s, {reached / least:.0%} of the roofline"
        )
    return "\n".join([*lines, "", parts_table(roofline["groups"], profile["groups"])])


def median_of_ours(results: ContestResults) -> float | None:
    """Target tokens a second of the first contestant; None if it was not measured."""
    ours, figure = results["contestants"][0], TOKENS_PER_SECOND.name
    rows = (x for x in results["summary"] if (x["contestant"], x["figure"]) == (ours, figure))
    value: float | None = next(rows)["median"]
    return value


def parts_table(least: dict[str, float], profiled: dict[str, float]) -> str:
    """Milliseconds of each part of a step: the least, and what a profiled step takes.

    Args:
        least, profiled: seconds by part; the latter has parts that the former lacks.
    """
    lines = [
        "| part of a step | least, ms | profiled, ms | beyond the least, ms | share of that |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    totals = sum(profiled.values()) - sum(least.values())
    rows = [(name, least.get(name, 0.0), profiled[name]) for name in profiled]
    rows.append(("all", sum(least.values()), sum(profiled.values())))
    for name, lower, seconds in rows:
        beyond = seconds - lower
        share = f"{beyond / totals:.0%}" if totals > 0 else "-"
        cells = [milliseconds(lower), milliseconds(seconds), milliseconds(beyond), share]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"
