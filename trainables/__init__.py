"""What one trial does: models, data, losses, self-training, training, recording."""
