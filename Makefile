# What a developer does here. The first two set up .venv by themselves.

.PHONY: test lint test-vm bench

test:
	sh setup.sh test

lint:
	sh setup.sh lint

# Boots Debian's own kernels in QEMU; see docs/testing.md for what that needs.
test-vm:
	.venv/bin/python -m pytest tests/vm

bench:
	.venv/bin/python -m tests.bench
