"""The operator's command: stages, the embedded AWS, the demo, and the diff for a pull request."""
