"""Everything that is not ours, one file per outside thing."""
