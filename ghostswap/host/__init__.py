"""One machine, read through a root directory; nothing here prints."""
