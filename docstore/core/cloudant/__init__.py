"""Cloudant's rules: who may what by IAM, what a request counts as, what an account has."""
