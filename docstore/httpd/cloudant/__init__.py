"""What Cloudant has and CouchDB has not: its endpoints, its logins, its limits and its headers."""
