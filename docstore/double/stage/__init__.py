"""What a test finds when it begins: the data of a server, the states to go back to, and the time."""
