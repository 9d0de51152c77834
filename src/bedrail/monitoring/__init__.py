"""After go-live: drift, performance and fairness watched within a false-alarm budget, with causes for every alarm."""
