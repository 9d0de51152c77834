"""Freezes what R says of one made-up sample into tests/data/estimates: run again after a change of the sample.

apt-get install r-base-core r-cran-proc r-cran-rms
.venv/bin/python bench/estimates_in_r.py
"""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import numpy as np

PLACE = Path(__file__).resolve().parents[1] / "tests" / "data" / "estimates"

R = """
suppressMessages({library(pROC); library(rms)})
d <- read.csv("sample.csv")
x <- qlogis(d$score)
a <- roc(d$outcome, d$score, quiet = TRUE, direction = "<")
b <- roc(d$outcome, d$rival, quiet = TRUE, direction = "<")
t <- roc.test(a, b, method = "delong", paired = TRUE)
fit <- glm(d$outcome ~ x, family = binomial)
level <- glm(d$outcome ~ 1, offset = x, family = binomial)
v <- val.prob(d$score, d$outcome, pl = FALSE)
robust <- robcov(lrm(outcome ~ x, data = cbind(d, x), x = TRUE, y = TRUE, eps = 1e-12), cluster = d$patient)
profile <- confint(fit, "x")
few <- d[1:120, ]; xf <- qlogis(few$score)
fewfit <- confint(glm(few$outcome ~ xf, family = binomial), "xf")
out <- list(
  auroc = as.numeric(auc(a)), auroc_variance = as.numeric(var(a, method = "delong")),
  rival_auroc = as.numeric(auc(b)), z = as.numeric(t$statistic),
  intercept = unname(coef(level)), slope = unname(coef(fit)["x"]),
  brier = unname(v["Brier"]), c_index = unname(v["C (ROC)"]),
  val_slope = unname(v["Slope"]),
  clustered_error = unname(sqrt(diag(robust$var))["x"]),
  profile = unname(profile), few_profile = unname(fewfit),
  r = R.version.string, proc = as.character(packageVersion("pROC")), rms = as.character(packageVersion("rms")))
lines <- sapply(names(out), function(k) sprintf('"%s": %s', k, if (is.character(out[[k]])) sprintf('"%s"', out[[k]])
  else if (length(out[[k]]) > 1) paste0("[", paste(format(out[[k]], digits = 15), collapse = ", "), "]")
  else format(out[[k]], digits = 15)))
cat("{", paste(lines, collapse = ",\n"), "}")
"""


def main() -> None:
    """Write sample.csv and r_values.json."""
    rng = np.random.default_rng(2026)
    patient = np.repeat(np.arange(150), 2)
    x = np.repeat(rng.normal(size=150), 2) + 0.5 * rng.normal(size=300)
    outcome = (rng.random(300) < 1 / (1 + np.exp(1.6 - x))).astype(int)
    score = np.round(1 / (1 + np.exp(1.3 - 1.4 * x)), 3).clip(0.001, 0.999)
    rival = np.round(1 / (1 + np.exp(1.5 - 0.6 * x - 0.6 * rng.normal(size=300))), 2)
    with (PLACE / "sample.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("patient", "outcome", "score", "rival"))
        rows.writerows(zip(patient, outcome, score, rival, strict=True))
    said = subprocess.run(["Rscript", "-e", R], cwd=PLACE, check=True, capture_output=True, text=True).stdout
    (PLACE / "r_values.json").write_text(json.dumps(json.loads(said), indent=1) + "\n", encoding="utf-8")
    print(said)


if __name__ == "__main__":
    main()
