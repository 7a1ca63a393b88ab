"""One file per noun of the admin API."""
