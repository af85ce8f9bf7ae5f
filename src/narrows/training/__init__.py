"""Training: one configuration, one run folder, one loop."""
