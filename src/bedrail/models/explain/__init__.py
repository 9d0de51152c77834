"""Explanations: exact shares as risks and words; lines, surrogates and changes where there are no exact ones."""
