"""A garage service in three parts that share one token: identity, community, workshop."""
