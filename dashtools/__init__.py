"""dashtools: dashcam footage in, searchable GPS-aligned plate sightings out."""

__version__ = "0.1.0"
