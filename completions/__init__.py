"""Completions for bash, zsh and fish: `python -m completions` writes them from the command tree."""
