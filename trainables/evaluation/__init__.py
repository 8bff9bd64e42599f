"""What a model is worth on images whose labels are known."""
