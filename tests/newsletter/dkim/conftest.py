"""Keys as they are read from their files."""

import pytest

from newsletter.dkim import files
from newsletter.dkim.keys import Algorithm, Key
from newsletter.setting_tables import Dkim


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[Algorithm, Key]:
    """A key of each kind for orchard.example.org, from files as `dkim make` writes them."""
    folder = tmp_path_factory.mktemp("dkim")
    found = {}
    for algorithm in Algorithm:
        files.make(algorithm, folder / f"{algorithm}.pem")
        settings = Dkim(domain="orchard.example.org", selector=f"{algorithm}1", key_file=folder / f"{algorithm}.pem")
        found[algorithm] = files.load(settings)
    return found
