"""Which pages nothing has touched for a while: those that reclaim would swap out first."""
