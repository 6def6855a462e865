"""The work itself: pure functions from inputs to an output folder."""
