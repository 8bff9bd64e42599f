"""Names of what `benchmarks.training_step` compares; no torch."""

TRAINER, BARE, PLAIN = "trainer", "bare loop", "plain recipe"
CONTENDERS = (TRAINER, BARE, PLAIN)
