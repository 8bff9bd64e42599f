"""What may vary: configurations, search spaces and presets."""
