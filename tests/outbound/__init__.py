"""Mail on its way out: acceptance, queue, sent copies."""
