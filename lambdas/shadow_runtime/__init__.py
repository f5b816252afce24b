"""What a route's code imports, in the order in which a request meets it.

`http` (request and response) · `flag` · `buckets` · `migrating` (who answers) · `candidate` ·
`tee` · `shadow` (run the other side) · `compare` · `telemetry`. `contract` holds the names that
synthesis and run time share.

Nothing is imported here: synthesis reads `contract` and must need no third-party package.
"""
