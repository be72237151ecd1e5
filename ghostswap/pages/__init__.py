"""Where pages come from: dumps, cores and live processes."""
