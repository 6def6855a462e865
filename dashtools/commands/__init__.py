"""One module per dc-* command; heavy imports only inside functions."""
