"""Rules as data: use cases, policies, stages, permissions, approvals, and the gate that judges by them."""
