"""The mail room: folders, names and renames; knows nothing of video."""
