"""A route's rollout, as the template of its stack describes it."""
