"""A plan to read: what a route's stack permits, what takes it back, and what it costs."""
