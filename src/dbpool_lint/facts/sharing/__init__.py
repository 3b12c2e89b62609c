"""Questions about leases that more than one request, task or thread uses."""
