"""What a mask can be."""

COLOUR = "colour"
"""RGB, in the colours of the class mapping."""

INDEX = "index"
"""Grey, a pixel's value its class index."""

MASK_KINDS = (COLOUR, INDEX)
