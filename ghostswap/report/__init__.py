"""The result of an estimate as plain data."""
