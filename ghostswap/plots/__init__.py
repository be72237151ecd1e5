"""Pictures of a census and of a plan: what they show as plain arrays, and how it is drawn."""
