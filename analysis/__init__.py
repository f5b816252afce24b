"""Pure reckoning: alarm states, metric math, power, the model of a rollout, its simulation."""
