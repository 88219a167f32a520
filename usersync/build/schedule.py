"""Which pipelines are due: those with a slot of their schedule since their last run."""

from __future__ import annotations

from datetime import datetime, timedelta

from usersync.project.model import Pipeline

_UNITS = {"m": 1, "h": 60}


def last_slot(model: Pipeline, now: datetime) -> datetime | None:
    """The latest moment up to `now` at which the schedule asks for a run; None without a schedule."""
    if not model.schedule:
        return None
    text = str(model.schedule["period"])
    period = int(text[:-1]) * _UNITS[text[-1]]
    start = int(model.schedule.get("start", 0)) % period
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    minute = now.hour * 60 + now.minute
    return midnight + timedelta(minutes=(minute - start) // period * period + start)


def is_due(model: Pipeline, last_run: datetime | None, now: datetime) -> bool:
    """Whether a slot has come since the last run; a pipeline without schedule is never due.

    Args:
        model: The pipeline.
        last_run: When its last run began, in the zone of `now`; None when there was none.
        now: The present, in the zone in which schedules are meant.
    """
    slot = last_slot(model, now)
    return slot is not None and (last_run is None or last_run < slot)
