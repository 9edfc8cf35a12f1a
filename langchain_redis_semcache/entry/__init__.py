"""What lies in Redis, as bytes and as commands; pure."""
