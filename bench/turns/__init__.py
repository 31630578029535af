"""What a change has made of docstore's figures: two checkouts in turns."""
