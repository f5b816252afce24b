"""`shadowctl finish`: the change that ends a migration."""
