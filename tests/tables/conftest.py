import shutil

import pytest

import folder


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "data"
    folder.make(path)
    return path


@pytest.fixture
def data(made, tmp_path):
    """A copy that the test may change."""
    return shutil.copytree(made, tmp_path / "data")
