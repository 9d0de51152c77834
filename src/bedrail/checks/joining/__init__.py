"""From predictions and events to outcomes: reading the tables, windows in time, units of analysis, lead time."""
