"""Query servers: programs that run the functions of other languages."""
