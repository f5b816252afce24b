"""What goes wrong around the embedded AWS."""


class LocalError(Exception):
    """One clear line for a person: what is wrong, and what to do."""
