"""How networks are computed on a device: number format, memory layout, compilation."""
