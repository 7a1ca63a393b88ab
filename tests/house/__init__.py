"""The rules of the house, held by tests so that nobody has to remember them."""
