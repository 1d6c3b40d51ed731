"""Mutation run: small faults put into the references, and whether the hidden tests see them."""
