"""In a guest: a process whose hot, warm and cold pages lie among one another, for others to watch.

Argument: how many pages. Prints the address of the first, and goes on until killed. Which page is
what, and what it holds, follows from its number, so that others know it too.
"""

import ctypes
import mmap
import random
import sys
import time
from enum import StrEnum

from tests.vm.guest.swapping import PAGE, memory

HOT_SECONDS, WARM_SECONDS = 0.25, 4.0


_FILLING = b"ghost swap " * (PAGE // 8)


class Heat(StrEnum):
    """How often a page is touched."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


def heats(pages: int) -> list[Heat]:
    """What each page is: a quarter hot, a quarter warm, by chance."""
    chance = random.Random(14)
    return [chance.choice([Heat.HOT, Heat.WARM, Heat.COLD, Heat.COLD]) for _ in range(pages)]


def content(number: int, heat: Heat) -> bytes:
    """Cold pages compress less than hot ones, some of them are zero, and every tenth is a copy."""
    if heat is Heat.COLD and number % 16 == 0:
        return bytes(PAGE)
    noise = random.Random(number // 10 if number % 10 == 0 else number + 1_000_000)
    taken = noise.randrange(200, 3400) if heat is Heat.COLD else noise.randrange(50, 900)
    return (noise.randbytes(taken) + _FILLING)[:PAGE]


def main(pages: int) -> None:
    """Fill the pages, then touch the hot and the warm ones for ever."""
    area: mmap.mmap = memory(pages * PAGE)
    kind = heats(pages)
    for number, heat in enumerate(kind):
        area[number * PAGE : (number + 1) * PAGE] = content(number, heat)
    hot = [number * PAGE for number in range(pages) if kind[number] is Heat.HOT]
    warm = [number * PAGE for number in range(pages) if kind[number] is Heat.WARM]
    print(ctypes.addressof(ctypes.c_char.from_buffer(area)), flush=True)
    touched = 0.0
    while True:
        for place in hot:
            area[place]
        if time.monotonic() - touched >= WARM_SECONDS:
            touched = time.monotonic()
            for place in warm:
                area[place]
        time.sleep(HOT_SECONDS)


if __name__ == "__main__":
    main(int(sys.argv[1]))
