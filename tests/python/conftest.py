import pytest

from collector import Collector, binary


@pytest.fixture
def collector(tmp_path):
    if not binary().exists():
        pytest.fail(f"no binary at {binary()}; build it with: cargo build --release")
    running = Collector(tmp_path)
    try:
        running.start()
        yield running
        assert running.stop() == 0, running.written()
    finally:
        running.kill()
