"""Commands in this process."""

from tests.cli.conftest import command as command  # the fixture
