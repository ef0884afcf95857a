"""Registries, ranges of options, and modules that `imports=` names."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hydra.core.config_store import ConfigStore

import seq2seq
from seq2seq.attention.config import MECHANISMS, AttentionConfig
from seq2seq.errors import ConfigError
from seq2seq.imports import class_named, import_modules
from seq2seq.options import number, range_problems, unread_problems
from seq2seq.registry import Registry
from tests.registered import REGISTRIES, Registered


@dataclass
class Shape:
    name: str = ""


def shape_class(name: str) -> type[Shape]:
    return type(f"{name.title()}Shape", (Shape,), {"name": name})


@pytest.fixture
def shapes() -> Registry[Shape]:
    registry: Registry[Shape] = Registry("shape")
    for name in ("circle", "square"):
        registry.register(shape_class(name))
    return registry


def test_classes_are_looked_up_by_name_in_order_of_registration(shapes: Registry[Shape]) -> None:
    assert list(shapes) == ["circle", "square"]
    assert shapes["square"].name == "square"
    with pytest.raises(ConfigError, match="no shape is called 'squares'; did you mean square?"):
        shapes["squares"]


def test_a_second_class_of_a_name_is_refused(shapes: Registry[Shape]) -> None:
    impostor = type("OtherCircle", (Shape,), {"name": "circle"})
    with pytest.raises(ConfigError, match="shape 'circle': is defined by both"):
        shapes.register(impostor)
    with pytest.raises(ConfigError, match="must have a name"):
        shapes.register(Shape)


@dataclass
class Sizes:
    width: int = number(4, at_least=1)
    share: float = number(0.1, at_least=0, below=1)
    limit: int | None = number(None, at_least=1)


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [
        (Sizes(width=0), "width: must be at least 1, not 0; the default is 4"),
        (Sizes(share=1.0), "share: must be at least 0 and below 1, not 1.0; the default is 0.1"),
        (
            Sizes(share=math.nan),
            "share: must be at least 0 and below 1, not nan; the default is 0.1",
        ),
        (
            Sizes(share=-math.inf),
            "share: must be at least 0 and below 1, not -inf; the default is 0.1",
        ),
        (Sizes(limit=0), "limit: must be at least 1, not 0"),
    ],
)
def test_numbers_outside_their_range_are_problems(sizes: Sizes, problem: str) -> None:
    assert list(range_problems(sizes)) == [problem]
    assert not list(range_problems(Sizes(limit=3)))


def test_an_option_that_is_set_but_not_read_is_a_problem() -> None:
    readers = {"share": (False, "choose kind=cosine"), "width": (True, "")}
    assert not list(unread_problems(Sizes(width=7), readers))
    assert list(unread_problems(Sizes(share=0.2), readers)) == [
        "share: is set but not read; choose kind=cosine, or leave it out"
    ]


@pytest.fixture
def module_file(tmp_path: Path) -> Callable[[str], str]:
    def write(code: str) -> str:
        path = tmp_path / "extension.py"
        path.write_text(code)
        return str(path)

    return write


def test_a_file_is_imported_once(module_file: Callable[[str], str], tmp_path: Path) -> None:
    count = tmp_path / "count"
    path = module_file(f"with open({str(count)!r}, 'a') as file:\n    file.write('x')")
    import_modules([path, path])
    import_modules([path])
    assert count.read_text() == "x"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("from seq2seq.errors import ConfigError; raise ConfigError('name in use')", "name in use"),
    ],
)
def test_a_module_that_fails_is_named(
    module_file: Callable[[str], str], code: str, reason: str
) -> None:
    path = module_file(code)
    for _ in range(2):
        with pytest.raises(ConfigError, match=f"^imports: .*extension.py.*{reason}"):
            import_modules([path])


@pytest.mark.parametrize("name", ["no/such/file.py", "no_such_module_at_all"])
def test_what_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^imports: {name}"):
        import_modules([name])


class Beside:
    """Named without its module."""


class Config:
    beside: ClassVar[str] = "Beside"
    elsewhere: ClassVar[str] = "pathlib.Path"
    no_module: ClassVar[str] = "no_such_module.Class"
    no_class: ClassVar[str] = "NoSuchClass"
    function: ClassVar[str] = "json.dumps"


def test_a_class_is_named_with_its_module_or_beside_its_configuration() -> None:
    derived = type("Derived", (Config,), {"__module__": "elsewhere"})
    assert class_named(Config(), "beside") is class_named(derived(), "beside") is Beside
    assert class_named(Config(), "elsewhere") is Path


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("no_module", "'no_such_module.Class' names no class"),
        ("no_class", "'NoSuchClass' names no class"),
        ("function", "'json.dumps' must name a class"),
        ("missing", "must name a class, as"),
    ],
)
def test_a_name_of_no_class_is_refused(attribute: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^Config.{attribute}: {problem}"):
        class_named(Config(), attribute)


def test_tests_put_back_what_they_register() -> None:
    created = [
        path.name
        for path in Path(seq2seq.__file__).parent.rglob("*.py")
        if "] = Registry(" in path.read_text(encoding="utf-8")
    ]
    assert len(created) == len(REGISTRIES), created
    before = Registered()

    @MECHANISMS.register
    class Further(AttentionConfig):
        name = "further"

    ConfigStore.instance().store(group="encoder_attention", name="further", node={})
    before.remove_further()
    assert "further" not in MECHANISMS
    assert "further.yaml" not in ConfigStore.instance().repo.get("encoder_attention", {})
