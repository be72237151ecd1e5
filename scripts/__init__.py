"""What developers run, as modules: python -m scripts.NAME."""
