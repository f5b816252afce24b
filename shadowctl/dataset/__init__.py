"""`shadowctl dataset`: where a route's data is, and how it moves."""
