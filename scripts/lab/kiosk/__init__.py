"""A juice kiosk on Node: an API as of a single-page shop, tokens that hold the whole user, errors as bare text."""
