"""What the kernel would do with the pages: pure functions from a population to bytes of RAM."""
