"""The story: one function per thing a person does, from a candidate to the bedside and back."""
