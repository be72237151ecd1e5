"""Switch a ghost area on and off, step by step: what is cut short half-way leaves nothing behind.

Both are generators that say after each step what they did. One that is closed, or fails, while
switching on takes back all it did. One that is killed leaves at most a device that nobody swaps
to, or our own file, and the next `off` removes them.
"""

import errno
import os
import signal
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.ghost import devicemapper, swapcalls
from ghostswap.ghost.areas import OWN_FILE, GhostArea, Way, unique_name
from ghostswap.ghost.loop import loop_device, release
from ghostswap.ghost.own_file import remove_own_file, write_own_file
from ghostswap.ghost.plan import Plan
from ghostswap.ghost.table import ghost_table
from ghostswap.ghost.zswap_switch import set_zswap

Steps = Generator[str, None, None]
_INTERRUPTS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


def carry_out(steps: Steps) -> None:
    """Take all steps, which are short. A signal waits until the current one is done; then the
    steps are closed, KeyboardInterrupt is raised, and the signal takes its effect."""
    came: list[int] = []
    minded = [each for each in _INTERRUPTS if signal.getsignal(each) is not signal.SIG_IGN]
    # Blocked, so that no system call is cut short; noted, where another thread of some library
    # takes what this one blocks.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, minded)
    handlers = {each: signal.signal(each, lambda number, _: came.append(number)) for each in minded}
    try:
        with closing(steps):
            for _ in steps:
                if came or signal.sigpending() & set(minded):
                    raise KeyboardInterrupt
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number in came:
            signal.raise_signal(number)


def switch_on(plan: Plan) -> Steps:
    """Make the area and swap to it. Raises GhostswapError, or OSError from a system call.

    The kernel is offered the file itself first; device mapper follows where it does not take it.
    """
    with ExitStack() as undo:
        if plan.page is not None:
            undo.callback(remove_own_file, plan.file)
            write_own_file(plan.page, plan.file)
            yield "wrote the ghost file"
        if plan.start_zswap:
            undo.callback(set_zswap, False)
            set_zswap(True)
            yield "turned zswap on"
        if _kernel_takes(plan.file, plan.priority):
            undo.callback(swapcalls.swapoff, plan.file)
            yield "swapped on"
        else:
            yield from _through_device_mapper(plan, undo)
        undo.pop_all()


def _kernel_takes(file: Path, priority: int | None) -> bool:
    """Whether the running kernel takes the one-page file itself: found by trying."""
    try:
        swapcalls.swapon(file, priority)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise _refusal(file, error) from error
    return True


def _through_device_mapper(plan: Plan, undo: ExitStack) -> Steps:
    name = unique_name(plan.file, plan.file.stat())
    with loop_device(plan.file) as loop:
        yield "attached a loop device"
        devicemapper.create(name, name)
        undo.callback(devicemapper.remove, name)
        yield "created a mapped device"
        header = f"{os.major(loop)}:{os.minor(loop)}"
        devicemapper.load(name, ghost_table(header, plan.size))
        yield "loaded its table"
    number = devicemapper.start(name)  # from here on the loop device lives as long as this one
    yield "started the mapped device"
    device = Path(f"/dev/dm-{os.minor(number)}")
    try:
        swapcalls.swapon(device, plan.priority)
    except OSError as error:
        raise _refusal(device, error) from error
    undo.callback(swapcalls.swapoff, device)
    yield "swapped on"


def _refusal(path: Path, error: OSError) -> GhostswapError:
    if error.errno == errno.EPERM:
        return GhostswapError(path, "swapon is not permitted, or too many swap areas are on")
    return GhostswapError(path, os_reason(error))


def switch_off(area: GhostArea) -> Steps:
    """Bring back what the area holds, and remove all that was made for it, piece by piece.

    Raises OSError from a system call. Stopped anywhere, also by a signal, it can be begun anew.
    """
    if area.swap is not None:
        swapcalls.swapoff(area.device)
        yield "swapped off"
    if area.way is Way.DEVICE_MAPPER:
        for loop in area.loops:
            release(loop)
        devicemapper.remove(area.name)
        yield "removed the mapped device"
    if area.file == OWN_FILE:
        remove_own_file()
        yield "removed the ghost file"
