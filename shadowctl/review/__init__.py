"""What a commit changes for users, as one comment of a pull request."""
