"""Shared by all tests: modules beside this file can be imported by name."""
