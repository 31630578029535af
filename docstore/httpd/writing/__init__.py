"""How what a handler wants written is written: plainly, once, leniently, or after its answer."""
