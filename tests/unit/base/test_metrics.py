"""The exposition format: counters, histograms, escaping."""

from __future__ import annotations

from kubern.base.metrics import Family, Histogram, expose, process_families, single


def test_a_histogram_is_shown_cumulatively() -> None:
    seconds = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        seconds.observe(value)
    text = expose([Family("took_seconds", "histogram", "How long.", ("verb",), {("GET",): seconds})])
    assert text.splitlines() == [
        "# HELP took_seconds How long.",
        "# TYPE took_seconds histogram",
        'took_seconds_bucket{verb="GET",le="0.1"} 2',
        'took_seconds_bucket{verb="GET",le="1"} 3',
        'took_seconds_bucket{verb="GET",le="+Inf"} 4',
        'took_seconds_sum{verb="GET"} 7.65',
        'took_seconds_count{verb="GET"} 4',
    ]


def test_label_values_are_quoted() -> None:
    text = expose([Family("x_total", "counter", "a\nb", ("what",), {('say "\\"\n',): 2})])
    assert text == '# HELP x_total a\\nb\n# TYPE x_total counter\nx_total{what="say \\"\\\\\\"\\n"} 2\n'


def test_a_metric_without_series_is_left_out() -> None:
    assert expose([Family("x", "gauge", "", ("a",), {}), single("y", "gauge", "One.", 1.5)]).count("# HELP") == 1


def test_the_process_tells_what_it_uses() -> None:
    found = {family.name: family.series[()] for family in process_families(12.0)}
    assert found["process_start_time_seconds"] == 12.0
    memory = found["process_resident_memory_bytes"]
    assert isinstance(memory, (int, float))
    assert memory > 1_000_000
