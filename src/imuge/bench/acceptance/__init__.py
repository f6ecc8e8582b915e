"""The release beside what its design promises."""
