"""Whether what is said about a risk is what made the risk: explanations put to the test."""
