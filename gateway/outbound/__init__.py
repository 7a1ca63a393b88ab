"""A message out: accepted once, queued durably, relayed until every recipient is settled, filed in Sent."""
