"""Logs that would fill the disk."""

from kubern.cluster.logs import bound


def test_a_log_that_is_too_large_begins_afresh_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        bound(log, 99)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 100


def test_a_log_within_its_bounds_stays(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 100)
    bound(log, 100)
    assert [each.name for each in tmp_path.iterdir()] == ["a.log"]


def test_a_log_that_does_not_exist_is_none_of_our_business(tmp_path):
    bound(tmp_path / "a.log")
    assert not list(tmp_path.iterdir())
