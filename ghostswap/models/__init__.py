"""What the kernel would do with the pages: pure functions from census to bytes of RAM."""
