"""The ports of `squrl.ports` in AWS: the tables, the queue, and what a process remembers of them."""
