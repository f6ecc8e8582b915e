"""From photographs to released weights. Needs the extra `[train]`."""
