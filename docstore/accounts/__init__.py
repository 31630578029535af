"""Accounts: who may log in, with what, and how that is found out while the loop goes on."""
