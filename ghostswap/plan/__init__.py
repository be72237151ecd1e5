"""How large a swap area should be: from what systems make of the pages to a size."""
