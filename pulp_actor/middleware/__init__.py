"""dramatiq middleware of ours, one concern per file."""
