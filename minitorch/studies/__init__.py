"""Experiments at paper scale, and the store of their results."""
