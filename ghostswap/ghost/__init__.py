"""Ghost areas in use: switched on, found again, and switched off, on any kernel."""
