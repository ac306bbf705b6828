"""What queues, requests and the elector count."""

from kubern.base.clock import FakeClock
from kubern.base.metrics import expose
from kubern.client.queue_counts import QueueCounts, queue_families
from kubern.client.request_counts import RequestCounts
from kubern.client.workqueue import WorkQueue


async def test_a_queue_tells_what_goes_through_it():
    clock, counts = FakeClock(), QueueCounts("deployment")
    queue = WorkQueue(clock, counts=counts)
    for key in ("a", "a", "b"):
        queue.add(key)
    await clock.advance(2)
    key = await queue.get()
    queue.add(key)
    await clock.advance(3)
    lines = expose(queue_families([counts], clock.monotonic())).splitlines()
    name = '{name="deployment"}'
    for line in (
        f"workqueue_depth{name} 2",
        f"workqueue_adds_total{name} 3",
        f"workqueue_queue_duration_seconds_sum{name} 2",
        f"workqueue_unfinished_work_seconds{name} 3",
        f"workqueue_longest_running_processor_seconds{name} 3",
    ):
        assert line in lines
    queue.done(key)
    queue.add_rate_limited("c")
    lines = expose(queue_families([counts], clock.monotonic())).splitlines()
    for line in (
        f"workqueue_work_duration_seconds_sum{name} 3",
        f"workqueue_retries_total{name} 1",
        f"workqueue_unfinished_work_seconds{name} 0",
    ):
        assert line in lines


def test_requests_are_counted_by_code():
    counts = RequestCounts("host:6443")
    for code in ("200", "200", "404"):
        counts.count("GET", code, 0.01)
    lines = expose(counts.families()).splitlines()
    assert 'rest_client_requests_total{code="200",host="host:6443",method="GET"} 2' in lines
    assert 'rest_client_request_duration_seconds_count{host="host:6443",verb="GET"} 3' in lines
