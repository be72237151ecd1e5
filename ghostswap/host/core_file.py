"""No core file of a process that holds pages of others."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# include/uapi/linux/prctl.h
_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4


def leave_no_core() -> None:
    """From now on this process, and those it forks, leave no core when they crash, and only root
    may look into their memory.

    RLIMIT_CORE would not do: the kernel takes no notice of 0 where core_pattern is a pipe, as for
    systemd-coredump (do_coredump(), fs/coredump.c).
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


@contextmanager
def no_core_file() -> Iterator[None]:
    """As leave_no_core(), but only meanwhile: a program that uses this library may be looked into
    afterwards as before, and may look into itself, which needs the same right
    (ptrace_may_access(), kernel/ptrace.c)."""
    dumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 1
    leave_no_core()
    try:
        yield
    finally:
        if dumpable:
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
