"""What a hospital knows of its data: reading, content digests, profiles, quality and splits."""
