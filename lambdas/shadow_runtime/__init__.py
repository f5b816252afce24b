"""What a route's code imports, in the order in which a request meets it.

`migrating` and `candidate` (the decorators) · `user` (who the user is) · `front_doors` (events and
answers) · `http` (request and response) · `respond` (who answers) · `flag` · `assignment` ·
`handlers` (the code of either side) · `candidate_call` · `copies` and `credentials` · `tee` ·
`shadow` (run the other side) · `compare` · `telemetry`. `contract` holds the names that synthesis
and run time share, `settings` what a function reads from its environment.

Nothing is imported here: synthesis reads `contract` and must need no third-party package.
"""
