"""The words everyone uses: values, facts, errors and ports; standard library and msgspec only."""
