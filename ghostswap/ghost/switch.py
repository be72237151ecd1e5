"""Switch a ghost area on and off, step by step: what is cut short half-way leaves nothing behind.

Both are generators that say after each step what they did. One that is closed, or fails, while
switching on takes back all it did. One that is killed leaves at most a device that nobody swaps
to, or our own file, and the next `off` removes them.
"""

import errno
import os
import signal
from collections.abc import Generator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.ghost import devicemapper, swapcalls, writeback
from ghostswap.ghost.areas import OWN_FILE, Backend, GhostArea, has_own_file, unique_name
from ghostswap.ghost.loop import loop_device, release
from ghostswap.ghost.plan import SwitchOn
from ghostswap.ghost.zswap_switch import set_zswap
from ghostswap.host.files import HostFiles
from ghostswap.kernel.swapping import zswap_refuses_huge_pages
from ghostswap.owned import open_owned, path_of
from ghostswap.swapfile.create import write_ghost
from ghostswap.swapfile.running import PAGE_SIZE, running_version

_QUEUES = Path("/sys/dev/block")

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


def switch_on(plan: SwitchOn) -> Steps:
    """Make the area and swap to it. Raises GhostswapError, or OSError from a system call.

    The kernel is offered the file itself first; device mapper follows where it does not take it.
    """
    host = HostFiles(Path("/"))
    with ExitStack() as held, ExitStack() as undo:
        if plan.page is not None:
            _write(plan.file, plan.page, undo)
            yield "wrote the ghost file"
        if plan.start_zswap:
            undo.callback(set_zswap, False)
            set_zswap(True)
            yield "turned zswap on"
        if plan.forbid_writeback:
            if writeback.forbid(host):
                undo.callback(writeback.allow_again, host)
            yield "had zswap write nothing back"
        file = open_owned(plan.file, os.O_RDWR)
        held.callback(os.close, file)
        if _kernel_takes(plan, file):
            undo.callback(swapcalls.swapoff, path_of(file))
            _check(plan, path_of(file).readlink(), os.fstat(file).st_size == PAGE_SIZE)
            yield "swapped on"
        else:
            yield from _through_device_mapper(plan, file, undo)
        undo.pop_all()


def _write(file: Path, page: bytes, undo: ExitStack) -> None:
    """Our own file replaces one that a killed run left; one that the user named replaces none."""
    if file == OWN_FILE:
        undo.callback(remove_own_file, file)
        write_own_file(page, file)
    else:
        write_ghost(file, page, replace=False)
        undo.callback(file.unlink)


def _kernel_takes(plan: SwitchOn, file: int) -> bool:
    """Whether the running kernel takes the open one-page file itself: found by trying."""
    try:
        swapcalls.swapon(path_of(file), plan.priority)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise _refusal(plan.file, error) from error
    return True


def _check(plan: SwitchOn, area: Path, ghost: bool = True) -> None:
    """Raise GhostswapError unless what was swapped on just now, `area`, is what was planned."""
    sizes = [each.size for each in swapcalls.areas() if each.path == os.fsencode(area)]
    if not ghost or sizes != [plan.size - PAGE_SIZE]:
        raise GhostswapError(plan.file, "was changed meanwhile, so all was taken back")


def _through_device_mapper(plan: SwitchOn, file: int, undo: ExitStack) -> Steps:
    name = unique_name(plan.file, os.fstat(file))
    with loop_device(file) as loop:
        yield "attached a loop device"
        devicemapper.create(name, name)
        undo.callback(devicemapper.remove, name)
        yield "created a mapped device"
        header = f"{os.major(loop)}:{os.minor(loop)}"
        devicemapper.load(name, devicemapper.ghost_table(header, plan.size))
        yield "loaded its table"
    number = devicemapper.start(name)  # from here on the loop device lives as long as this one
    yield "started the mapped device"
    device = Path(f"/dev/dm-{os.minor(number)}")
    if zswap_refuses_huge_pages(running_version()):
        _have_huge_pages_split(number)
        yield "had huge pages split"
    try:
        swapcalls.swapon(device, plan.priority)
    except OSError as error:
        raise _refusal(device, error) from error
    undo.callback(swapcalls.swapoff, device)
    _check(plan, device)
    yield "swapped on"


def _have_huge_pages_split(device: int) -> None:
    """Have the kernel take the device for a disk that seeks: it swaps no huge page whole to these.

    Must stay so until swapoff(2), which looks at it again to count such areas (nr_rotate_swap).
    """
    rotational = _QUEUES / f"{os.major(device)}:{os.minor(device)}/queue/rotational"
    try:
        rotational.write_text("1")
    except OSError as error:
        raise GhostswapError(rotational, os_reason(error)) from error


def _refusal(path: Path, error: OSError) -> GhostswapError:
    if error.errno == errno.EPERM:
        return GhostswapError(path, "swapon is not permitted, or too many swap areas are on")
    return GhostswapError(path, os_reason(error))


def switch_off(area: GhostArea) -> Steps:
    """Bring back what the area holds, and remove all that was made for it, piece by piece.

    Raises OSError from a system call. Stopped anywhere, also by a signal, it can be begun anew.
    """
    if area.swap is not None:
        _swap_off(area)
        yield "swapped off"
    if area.backend is Backend.DEVICE_MAPPER:
        for loop in area.loops:
            release(loop)
        devicemapper.remove(area.name)
        yield "removed the mapped device"
    if has_own_file(area):
        remove_own_file()
        yield "removed the ghost file"


def _swap_off(area: GhostArea) -> None:
    if area.backend is Backend.DEVICE_MAPPER:
        swapcalls.swapoff(area.device)
        return
    file = open_owned(area.device, os.O_RDONLY)
    try:
        swapcalls.swapoff(path_of(file))
    finally:
        os.close(file)


def write_own_file(page: bytes, file: Path = OWN_FILE) -> None:
    """Write the header page to our own file, over one that a killed run left there."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise GhostswapError(file.parent, os_reason(error)) from error
    write_ghost(file, page, replace=True)


def remove_own_file(file: Path = OWN_FILE) -> None:
    """Remove it and its folder, if they are there. Raises GhostswapError."""
    try:
        file.unlink(missing_ok=True)
        with suppress(OSError):  # not there, or something else is in it
            file.parent.rmdir()
    except OSError as error:
        raise GhostswapError(file, os_reason(error)) from error
