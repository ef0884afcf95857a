"""All cases, by what is wrong."""

from tests.bad_inputs import command_line, commands, configuration, data, python_api, saved
from tests.bad_inputs.case import Case

AREAS: dict[str, list[Case]] = {
    "command line": command_line.CASES,
    "configuration": configuration.CASES,
    "data": data.CASES,
    "runs, checkpoints and bundles": saved.CASES,
    "evaluation": commands.EVALUATION,
    "translation and scores": commands.TEXT,
    "alignment": commands.ALIGNMENT,
    "reports and checks": commands.OTHERS,
    "Python": python_api.CASES,
}
CASES = {f"{area}: {case.name}": case for area, cases in AREAS.items() for case in cases}
assert len(CASES) == sum(len(cases) for cases in AREAS.values()), "two cases have one name"
