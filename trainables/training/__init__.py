"""One trial's training: the loop, its step, and what a step is made of."""
