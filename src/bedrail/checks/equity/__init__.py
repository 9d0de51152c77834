"""How a score serves groups: fairness in several senses, what cannot hold together, who pays, proxies, labels."""
