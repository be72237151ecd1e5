"""The SWAPSPACE2 format, files that hold it, and what swapon(2) says of them."""
