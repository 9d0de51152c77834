"""Where data comes from: files of every kind that a hospital keeps, read in batches, nothing kept."""
