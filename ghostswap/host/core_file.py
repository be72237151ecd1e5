"""No core file of a process that holds pages of others."""

import ctypes

_PR_SET_DUMPABLE = 4  # include/uapi/linux/prctl.h


def leave_no_core() -> None:
    """From now on this process, and those it forks, leave no core when they crash, and only root
    may look into their memory.

    RLIMIT_CORE would not do: the kernel takes no notice of 0 where core_pattern is a pipe, as for
    systemd-coredump (do_coredump(), fs/coredump.c).
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
