"""A club with pages rendered on the server by Django: forms, CSRF tokens, redirects, slugs and numbers."""
