"""One scan over all pages, and the table that every answer is computed from."""
