"""What the parts of an apiserver count besides requests: who asked and might, how long admission took, what watchers were sent.

One `Counts` a server, in `core.counts`; `meters.Meters` shows it. What always holds: counting is a dict's look-up and a bisection; labels
come from fixed lists, from the names of plug-ins, and from webhooks' own configurations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kubern.base.metrics import Family, Histogram

_STEPS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
_WEBHOOKS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 25.0)
_POLICIES = (0.0000005, 0.001, 0.01, 0.1, 1.0)
_COMPILING = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LIVES = (
    0.0, 1800.0, 3600.0, 7200.0, 21600.0, 43200.0, 86400.0, 172800.0, 345600.0, 604800.0, 2592000.0, 7776000.0, 15552000.0,
    31104000.0,
)  # fmt: skip
_CHECKS = tuple(0.001 * 2**i for i in range(15))
EVENT_SIZES = (1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0, 131072.0)
_KNOWN_NAMES = frozenset(("admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"))


class Durations:
    """Histograms of seconds by label values."""

    __slots__ = ("_bounds", "series")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.series: dict[tuple[str, ...], Histogram] = {}

    def observe(self, labels: tuple[str, ...], seconds: float) -> None:
        """Count one that took `seconds`."""
        found = self.series.get(labels)
        if found is None:
            found = self.series[labels] = Histogram(self._bounds)
        found.observe(seconds)


class Events:
    """What the watchers of one resource were sent."""

    __slots__ = ("sizes",)

    def __init__(self) -> None:
        self.sizes = Histogram(EVENT_SIZES)

    def sent(self, size: int, watchers: int) -> None:
        """Count an event of `size` bytes that goes to so many watchers."""
        self.sizes.observe_many(size, watchers)


class Counts:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.users: Counter[str] = Counter()
        self.authentication = Durations(_CHECKS)
        """By result: success, failure, error."""
        self.authorization = Durations(_CHECKS)
        """By result: allowed, denied."""
        self.certificates = Histogram(_LIVES)
        """Seconds that the certificates of connections had left."""
        self.steps = Durations(_STEPS)
        """By type (admit, validate), operation, whether it was refused."""
        self.plugins = Durations(_STEPS)
        """By plug-in, type, operation, whether it was refused."""
        self.webhooks = Durations(_WEBHOOKS)
        """By webhook, type, operation, whether it was refused."""
        self.webhook_rejections: Counter[tuple[str, ...]] = Counter()
        """By webhook, type, operation, kind of error, code that the webhook gave."""
        self.failed_open: Counter[tuple[str, ...]] = Counter()
        """By webhook and type."""
        self.validations = Durations(_POLICIES)
        """By policy, binding, kind of error, what came of it; only of those that did not hold."""
        self.mutations = Durations(_POLICIES)
        """By policy, binding, kind of error."""
        self.compiled = Durations(_COMPILING)
        """Policies made ready; without labels."""

    def known(self, name: str) -> None:
        """Count a request of somebody who is known, under a name from a short list."""
        self.users[name if name in _KNOWN_NAMES else "email_id" if "@" in name else "other"] += 1

    def families(self) -> Iterator[Family]:
        """Yield every metric, as it stands."""
        yield Family(
            "authenticated_user_requests", "counter", "Counter of authenticated requests broken out by username.",
            ("username",), {(name,): count for name, count in self.users.items()},
        )  # fmt: skip
        yield from _checked("authentication", "authentication_attempts", "authenticated", self.authentication)
        yield from _checked("authorization", "authorization_attempts_total", "authorized", self.authorization)
        yield Family(
            "apiserver_client_certificate_expiration_seconds", "histogram",
            "Distribution of the remaining lifetime on the certificate used to authenticate a request.",
            (), {(): self.certificates},
        )  # fmt: skip
        admission = "apiserver_admission"
        labels = ("type", "operation", "rejected")
        yield Family(
            f"{admission}_step_admission_duration_seconds", "histogram",
            "Admission sub-step latency histogram in seconds, broken out for each operation and step type (validate or admit).",
            labels, self.steps.series,
        )  # fmt: skip
        yield Family(
            f"{admission}_controller_admission_duration_seconds", "histogram",
            "Admission controller latency histogram in seconds, identified by name and broken out for each operation and type.",
            ("name", *labels), self.plugins.series,
        )  # fmt: skip
        yield Family(
            f"{admission}_webhook_admission_duration_seconds", "histogram",
            "Admission webhook latency histogram in seconds, identified by name and broken out for each operation and type.",
            ("name", *labels), self.webhooks.series,
        )  # fmt: skip
        yield Family(
            f"{admission}_webhook_rejection_count", "counter",
            "Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) "
            "and operation. Additional labels specify an error type and optionally a non-zero rejection code.",
            ("name", "type", "operation", "error_type", "rejection_code"), self.webhook_rejections,
        )  # fmt: skip
        yield Family(
            f"{admission}_webhook_fail_open_count", "counter",
            "Admission webhook fail open count, identified by name and broken out for each admission type.",
            ("name", "type"), self.failed_open,
        )  # fmt: skip
        yield from self._policies()

    def _policies(self) -> Iterator[Family]:
        labels = ("policy", "policy_binding", "error_type")
        yield from _policy_checks(
            "validating", "Validation admission", "validation", (*labels, "enforcement_action"), self.validations
        )
        yield from _policy_checks("mutating", "Mutation admission", "mutation", labels, self.mutations)
        yield Family(
            "apiserver_cel_compilation_duration_seconds", "histogram", "CEL compilation time in seconds.", (),
            self.compiled.series,
        )  # fmt: skip


def _policy_checks(kind: str, what: str, unit: str, labels: tuple[str, ...], durations: Durations) -> Iterator[Family]:
    name = f"apiserver_{kind}_admission_policy_check"
    text = "labeled by policy and further identified by binding"
    yield Family(
        f"{name}_total", "counter", f"{what} policy check total, {text}.", labels,
        {key: sum(found.counts) for key, found in durations.series.items()},
    )  # fmt: skip
    yield Family(
        f"{name}_duration_seconds", "histogram", f"{what} latency for individual {unit} expressions in seconds, {text}.",
        labels, durations.series,
    )  # fmt: skip


def _checked(name: str, total: str, what: str, durations: Durations) -> Iterator[Family]:
    help_text = f"Counter of {what} attempts broken out by result."
    series = {labels: sum(found.counts) for labels, found in durations.series.items()}
    yield Family(total, "counter", help_text, ("result",), series)
    yield Family(
        f"{name}_duration_seconds", "histogram", f"{name.capitalize()} duration in seconds broken out by result.",
        ("result",), durations.series,
    )  # fmt: skip


def event_families(events: Iterable[tuple[tuple[str, str, str], Events]]) -> Iterator[Family]:
    """Yield what watchers were sent, by group, version and resource."""
    sizes: dict[tuple[str, ...], Histogram] = {key: found.sizes for key, found in events if found.sizes.total}
    labels = ("group", "version", "resource")
    yield Family(
        "apiserver_watch_events_total", "counter", "Number of events sent in watch clients", labels,
        {key: sum(found.counts) for key, found in sizes.items()},
    )  # fmt: skip
    yield Family("apiserver_watch_events_sizes", "histogram", "Watch event size distribution in bytes", labels, sizes)
