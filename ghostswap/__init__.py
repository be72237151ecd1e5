"""ghostswap: what compressed swap and page dedup would save, in the kernel's own figures."""

__version__ = "0.1.0"
