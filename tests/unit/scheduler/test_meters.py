"""What a scheduler counts, of a queue and cycles that are known."""

import random

from kubern.base.metrics import expose
from kubern.scheduler.cycle import schedule
from kubern.scheduler.framework import Cycle, Event
from kubern.scheduler.meters import SAMPLED, UNSCHEDULABLE, Meters
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.queue import Queue
from kubern.scheduler.timing import Stopwatch

from .placing import PLUGINS, columns_of, node, pod


def lines(meters, queue):
    return expose(meters.families(queue, {"nodes": 2})).splitlines()


def test_a_pods_way_through_the_queue():
    meters, queue = Meters(), Queue()
    gated = PodInfo(pod("gated"))
    queue.add(gated, 0.0, gated=True)
    queue.add(PodInfo(pod("other")), 0.0, gated=False)
    queue.add(gated, 100.0, gated=False)
    found = lines(meters, queue)
    assert 'scheduler_pending_pods{queue="active"} 2' in found
    assert 'scheduler_queue_incoming_pods_total{event="UnscheduledPodAdd",queue="gated"} 1' in found
    assert 'scheduler_queue_incoming_pods_total{event="UnscheduledPodUpdate",queue="active"} 1' in found
    tried = [queue.pop(101.0), queue.pop(101.0)]
    plugin = next(each for each in PLUGINS if each.name == "NodeResourcesFit")
    for waiting in tried:
        queue.failed(waiting, (plugin,), 101.0)
        meters.attempt("default-scheduler", UNSCHEDULABLE, 0.001)
    found = lines(meters, queue)
    assert 'scheduler_pending_pods{queue="unschedulable"} 2' in found
    assert 'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile=""} 2' in found
    queue.event(Event("Node/Add", None, node("n")), 200.0)
    again = queue.pop(200.0)
    meters.bound("default-scheduler", again, 200.5)
    found = lines(meters, queue)
    assert 'scheduler_queue_incoming_pods_total{event="NodeAdd",queue="active"} 2' in found
    assert 'scheduler_schedule_attempts_total{profile="default-scheduler",result="unschedulable"} 2' in found
    assert 'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1' in found
    # what a pod waits for its gates is not the scheduler's
    seconds = 200.5 if again.info.uid == "other" else 100.5
    assert f'scheduler_pod_scheduling_sli_duration_seconds_sum{{attempts="2"}} {seconds}' in found
    assert 'scheduler_cache_size{type="nodes"} 2' in found


def test_one_cycle_in_ten_is_timed():
    meters = Meters()
    assert [meters.sampled() for _ in range(2 * SAMPLED)].count(True) == 2


def test_timed_plugins_decide_as_they_would_untimed():
    meters = Meters()
    ticks = iter(range(10**6))
    watch = Stopwatch("p", PLUGINS, meters, lambda: next(ticks) / 1000)
    columns = columns_of([node("small", cpu="100m"), node("large", cpu="8"), node("larger", cpu="16")])
    info = PodInfo(pod(cpu="2"))
    plain = schedule(Cycle(info, columns), PLUGINS, random.Random(1))
    timed = schedule(Cycle(info, columns), watch.plugins, random.Random(1))
    assert timed == plain
    watch.ended()
    found = lines(meters, Queue())
    assert any(
        line.startswith('scheduler_plugin_execution_duration_seconds_count{plugin="NodeResourcesFit",')
        for line in found
    )
    point = 'scheduler_framework_extension_point_duration_seconds_count{extension_point="Filter",status="Success",profile="p"} 1'
    assert point in found
