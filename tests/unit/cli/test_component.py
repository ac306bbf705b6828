"""How components log."""

import logging

from kubern.cli.component import _WithFields


def test_a_records_own_fields_are_said():
    record = logging.makeLogRecord(
        {"name": "a", "msg": "started %s", "args": ("it",), "pod": "default/web", "attempt": 2}
    )
    assert _WithFields("%(message)s").format(record) == "started it pod=default/web attempt=2"


def test_a_record_without_fields_is_said_as_it_is():
    record = logging.makeLogRecord({"name": "a", "msg": "started", "levelname": "INFO"})
    assert _WithFields("%(levelname).1s %(name)s: %(message)s").format(record) == "I a: started"
