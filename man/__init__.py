"""Manual pages: Markdown that people edit, and the roff that man(1) reads.

`python -m man` builds every page-name.1.md here into page-name.1; both are kept in the repository.
"""
