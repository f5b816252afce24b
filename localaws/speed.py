"""How much faster time passes on the embedded AWS, for what takes minutes on AWS by design."""

SPEED = 30
"""Periods of alarms, and the steps and bake times of AppConfig's deployments, are so much shorter.

Nothing else is: a timeout, a deadline and a poll last as long as on AWS.
"""

MINUTE = 60 / SPEED
"""What a minute of those lasts, in seconds."""
