"""What a config may say; read, checked, documented."""
