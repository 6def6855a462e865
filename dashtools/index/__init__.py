"""The SQLite index: rebuilt from the spool at any time, never the truth."""
