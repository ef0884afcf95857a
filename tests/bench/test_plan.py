"""Settings, and the combinations that are measured or left out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seq2seq.attention.config import MECHANISMS
from seq2seq.bench import plan as plan_module
from seq2seq.bench.plan import ROLES_BY_NAME, Request, Settings, plan, with_mechanisms
from seq2seq.errors import ConfigError
from tests.bench.test_measure import LEGAL


def test_every_legal_combination_is_planned() -> None:
    settings = replace(Settings.read(), roles=list(ROLES_BY_NAME), lengths=[8])
    planned = plan(with_mechanisms(settings, ""))
    assert {(r.mechanism, r.role_name) for r in planned.requests} == set(LEGAL)
    assert len(planned.left_out) == 3 * len(MECHANISMS) - len(LEGAL)


def test_steps_are_left_out_without_lengths_of_caches() -> None:
    settings = replace(Settings.read(), roles=["decoder"], step_lengths=[])
    requests = plan(with_mechanisms(settings, "local")).requests
    assert [request.lengths for request in requests] == [[length] for length in settings.lengths]
    assert not any(request.steps for request in requests)


def test_a_request_survives_the_way_to_its_process() -> None:
    settings = replace(Settings.read(), roles=["decoder"])
    for request in plan(with_mechanisms(settings, "local")).requests:
        assert Request.from_json(request.to_json()) == request


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, r"mechanisms\.local\.window: must be at least 1, not 0"),
        ({"windw": 3}, "windw"),
    ],
)
def test_options_of_mechanisms_are_checked(options: dict[str, Any], message: str) -> None:
    settings = Settings.read()
    settings.mechanisms["local"] = options
    with pytest.raises(ConfigError, match=message):
        plan(with_mechanisms(replace(settings, roles=["encoder"]), "local"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"settings\.yaml: is missing"),
        ("lenghts: [1]", r"settings\.yaml: .*lenghts"),
        ("lengths: [many]", r"settings\.yaml: .*many"),
    ],
)
def test_settings_are_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "settings.yaml"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(plan_module, "SETTINGS", path)
    with pytest.raises(ConfigError, match=message):
        Settings.read()
