"""The words for trackers; apart from what they do, so that --help loads none of it."""

from enum import StrEnum


class TrackerName(StrEnum):
    """What --tracker takes; the same words stand in the JSON."""

    AUTO = "auto"
    PAGE_IDLE = "page-idle"
    DAMON = "damon"
