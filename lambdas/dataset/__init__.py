"""A route's data while it moves from one store to the other: one authority at a time, state copied.

Pure and of the standard library alone. What happens is a generator of steps (`steps`): each is
yielded to whoever drives it, and what came of it is sent back. `register` holds the phases and who
is the authority, `requests` what a request of a route does, `reconciler` what makes the follower
equal, `switch` how the authority moves.
"""
