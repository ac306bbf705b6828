"""CronJob: its facts, defaults, checks and columns."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from kubern.api import field
from kubern.api.podspec.defaults import default_pod_template
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells, cron
from kubern.api.rules.checks import not_negative, one_of
from kubern.api.rules.jobs import check_job_spec
from kubern.api.rules.values import at, fill, fill_empty, section
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_NAME = 52
"""A job's name adds 11 characters to its CronJob's, and may have 63."""
_ZONE = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
_TZ_IN_SCHEDULE = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
_POLICIES = ("Allow", "Forbid", "Replace")


def default(obj: Obj) -> None:
    """Fill a CronJob: runs may overlap; three finished and one failed run are kept."""
    spec = section(obj, "spec")
    fill_empty(spec, concurrencyPolicy="Allow")
    fill(spec, suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    default_pod_template(section(section(section(spec, "jobTemplate"), "spec"), "template"))


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a CronJob, whenever it was made."""
    spec = obj["spec"]
    causes = _check_schedule(spec.get("schedule") or "")
    causes += not_negative(spec, "startingDeadlineSeconds", "spec.")
    causes += _check_zone(spec.get("timeZone"))
    causes += one_of(spec, "concurrencyPolicy", "spec.", _POLICIES)
    causes += _check_job_template(at(spec, "jobTemplate.spec") or {}, "spec.jobTemplate.spec")
    causes += not_negative(spec, "successfulJobsHistoryLimit", "spec.")
    causes += not_negative(spec, "failedJobsHistoryLimit", "spec.")
    name = obj["metadata"].get("name") or ""
    if len(name) > _MAX_NAME:
        causes.append(field.invalid("metadata.name", name, f"must be no more than {_MAX_NAME} characters"))
    return causes


def _check_schedule(schedule: str) -> list[Cause]:
    path = "spec.schedule"
    if not schedule:
        return [field.required(path, "")]
    if "TZ" in schedule:
        return [field.invalid(path, schedule, _TZ_IN_SCHEDULE)]
    try:
        cron.parse(schedule)
    except ValueError as error:
        return [field.invalid(path, schedule, str(error))]
    return []


def _check_zone(zone: str | None) -> list[Cause]:
    path = "spec.timeZone"
    if zone is None:
        return []
    if not zone:
        return [field.invalid(path, zone, "timeZone must be nil or non-empty string")]
    if zone.lower() == "local":
        return [field.invalid(path, zone, _ZONE)]
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        return [field.invalid(path, zone, f"unknown time zone {zone}")]
    return []


def _check_job_template(job: Obj, path: str) -> list[Cause]:
    causes = check_job_spec(job, path)
    if job.get("selector") is not None:
        causes.append(field.invalid(f"{path}.selector", job["selector"], "`selector` will be auto-generated"))
    if job.get("manualSelector"):
        causes.append(field.not_supported(f"{path}.manualSelector", True, ["nil", "false"]))
    return causes


def _suspended(obj: Obj) -> str:
    suspend = at(obj, "spec.suspend")
    return cells.UNSET if suspend is None else str(bool(suspend))


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("Schedule", "spec.schedule", "When it runs, as in crontab."),
    cells.text("Timezone", "spec.timeZone", "The time zone of the schedule.", missing=cells.NONE),
    cells.column("Suspend", _suspended, "Whether runs are held back.", type="boolean"),
    cells.column("Active", lambda obj: len(at(obj, "status.active") or ()), "How many runs go on.", type="integer"),
    cells.since("Last Schedule", "status.lastScheduleTime", "How long ago the last run was started."),
    cells.AGE,
    *cells.containers("spec.jobTemplate.spec.template.spec"),
    cells.selector("spec.jobTemplate.spec.selector"),
)

RESOURCE = Resource(
    group="batch",
    version="v1",
    kind="CronJob",
    plural="cronjobs",
    singular="cronjob",
    namespaced=True,
    schema="io.k8s.api.batch.v1.CronJob",
    short_names=("cj",),
    categories=("all",),
    subresources=(STATUS,),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
)
