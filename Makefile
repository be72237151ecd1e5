# What a developer does here. The first two set up .venv by themselves.

.PHONY: test lint man completions kernels schemas test-vm bench fuzz

test:
	sh setup.sh test

lint:
	sh setup.sh lint

# Both are kept in the repository and held against the command line by tests.
man completions:
	.venv/bin/python -m $@

# docs/kernels.md from ghostswap/kernel/, as a test holds it.
kernels:
	.venv/bin/python -m scripts.kernels_table

# The example beside each schema in docs/schemas, as the commands print it now.
schemas:
	.venv/bin/python -m scripts.schema_examples

# Boots Debian's own kernels in QEMU, two guests at a time, each with one processor; see
# docs/testing.md for what that needs.
test-vm:
	.venv/bin/python -m pytest tests/vm -n 2 --dist loadfile --no-loadscope-reorder

bench:
	.venv/bin/python -m tests.bench

# Every parser on changed inputs, for long; a failing one is saved. docs/fuzzing.md has the record.
fuzz:
	.venv/bin/python -m tests.fuzz --runs 1000000
