"""Memory that the parent fills with pages and the workers read, so that no page goes through a
pipe."""

import mmap


class Slots:
    """`number` buffers of `size` bytes each, shared with what is forked afterwards."""

    def __init__(self, number: int, size: int) -> None:
        self._memory = memoryview(mmap.mmap(-1, max(number * size, 1)))
        self._size = size
        self._free = list(range(number))

    def buffer(self, slot: int) -> memoryview:
        """The bytes of a slot."""
        return self._memory[slot * self._size : (slot + 1) * self._size]

    def take(self) -> int:
        """A slot that nobody uses; there must be one."""
        return self._free.pop()

    def give_back(self, slot: int) -> None:
        """Its pages have been read."""
        self._free.append(slot)
