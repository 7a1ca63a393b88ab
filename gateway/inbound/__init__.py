"""A message in: each mailbox is tailed, clients' mail is found by its header, fetched once, filed and announced."""
