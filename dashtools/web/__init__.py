"""The Datasette plugin: pages and media over the index."""
