"""Files to hosts and from hosts: the manager's end; what runs on the host is in ``remote/``."""
