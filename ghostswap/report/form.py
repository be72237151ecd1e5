"""The forms in which a planned swap area is set up."""

from enum import StrEnum


class Form(StrEnum):
    """Who is to read the lines."""

    SH = "sh"
    FSTAB = "fstab"
    SYSTEMD = "systemd"
    ZRAM_GENERATOR = "zram-generator"
