"""The methods: each trains something else than the weights."""
