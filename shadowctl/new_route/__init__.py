"""`shadowctl new-route`: what a route needs, all of it or nothing."""
