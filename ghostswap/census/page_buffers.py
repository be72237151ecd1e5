"""Memory that the parent fills with pages and the workers read, so that no page goes through a
pipe."""

import mmap


class PageBuffers:
    """`number` buffers of `size` bytes each, shared with what is forked afterwards."""

    def __init__(self, number: int, size: int) -> None:
        self._memory = memoryview(mmap.mmap(-1, max(number * size, 1)))
        self._size = size
        self._free = list(range(number))

    def buffer(self, number: int) -> memoryview:
        """The bytes of one."""
        return self._memory[number * self._size : (number + 1) * self._size]

    def take(self) -> int:
        """The number of one that nobody uses; there must be one."""
        return self._free.pop()

    def give_back(self, number: int) -> None:
        """Its pages have been read."""
        self._free.append(number)
