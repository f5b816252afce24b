"""The operator's command: stages, the embedded AWS, the demo, and what a pull request shows."""
