"""Our own networks: an invertible network with a keyed payload, localizer, recoverer."""
