"""What Linux does, by version, as plain data and arithmetic: no I/O, and nothing else of ours."""
