"""`shadowctl status`: where routes are, who answers, what guards them, what is proven."""
