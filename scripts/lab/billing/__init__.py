"""Invoices as a service, in German, on Node behind nginx: tenants, prefixed ids, cursors, keys, 200 with errors."""
