"""A route's rollout, played many times in virtual time before any user takes part."""
