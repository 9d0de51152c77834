# Reference values from R; asked by outcomes.py, which gives the folder of the tables. Prints program,figure,value.
suppressPackageStartupMessages({library(survival); library(prodlim); library(riskRegression); library(cmprsk)})
folder <- commandArgs(trailingOnly = TRUE)[1]
told <- function(program, figure, value) cat(sprintf("%s,%s,%.12g\n", program, figure, value))
d <- read.csv(file.path(folder, "survival.csv"))
d$one <- as.integer(d$event == 1)
# Kaplan-Meier and Greenwood
s <- summary(survfit(Surv(time, one) ~ 1, data = d), times = c(4, 8))
told("survival", "km-4", 1 - s$surv[1]); told("survival", "km-8", 1 - s$surv[2])
told("survival", "km-se-4", s$std.err[1]); told("survival", "km-se-8", s$std.err[2])
# Aalen-Johansen
f <- summary(survfit(Surv(time, factor(event, 0:2)) ~ 1, data = d), times = c(4, 8))
told("survival", "aj-4", f$pstate[1, 2]); told("survival", "aj-8", f$pstate[2, 2])
told("survival", "aj-se-4", f$std.err[1, 2]); told("survival", "aj-se-8", f$std.err[2, 2])
ci <- timepoints(cuminc(d$time, d$event), c(4, 8))
told("cmprsk", "aj-4", ci$est[1, 1]); told("cmprsk", "aj-8", ci$est[1, 2])
# Concordance
h <- concordance(Surv(time, one) ~ score, data = d, reverse = TRUE)
told("survival", "harrell", h$concordance); told("survival", "harrell-se", sqrt(h$var))
u <- concordance(Surv(time, one) ~ score, data = d, reverse = TRUE, timewt = "n/G2")
told("survival", "uno", u$concordance)
# AUC and Brier with IPCW, with and without competing events
g <- function(formula, data, cause) Score(list(m = as.matrix(data[, c("risk4", "risk8")])), formula = formula, data = data,
  times = c(4, 8), cause = cause, metrics = c("auc", "brier"), se.fit = TRUE, cens.method = "ipcw", cens.model = "km",
  conservative = FALSE)
single <- g(Hist(time, one) ~ 1, d, 1)
rival <- g(Hist(time, event) ~ 1, d, 1)
for (k in 1:2) {
  t <- c(4, 8)[k]
  for (which in c("single", "rival")) {
    x <- get(which)
    told("riskRegression", sprintf("%s-auc-%g", which, t), x$AUC$score$AUC[k])
    told("riskRegression", sprintf("%s-auc-se-%g", which, t), x$AUC$score$se[k])
    b <- x$Brier$score[x$Brier$score$model == "m", ]
    told("riskRegression", sprintf("%s-brier-%g", which, t), b$Brier[k])
    told("riskRegression", sprintf("%s-brier-se-%g", which, t), b$se[k])
  }
}
# Calibration slope: binomial model with cloglog link, weights of censoring, which R fits by another algorithm
G <- prodlim(Hist(time, event != 0) ~ 1, data = d, reverse = TRUE)
step <- stepfun(G$time, c(1, G$surv))
before <- step(d$time - 1e-6)
for (t in c(4, 8)) {
  at <- step(t)
  w <- ifelse(d$time <= t & d$event != 0, 1 / before, ifelse(d$time > t, 1 / at, 0))
  y <- as.integer(d$time <= t & d$event == 1)
  x <- log(-log(1 - d[[paste0("risk", t)]]))
  m <- suppressWarnings(glm(y ~ x, weights = w, family = binomial("cloglog"), subset = w > 0,
    control = glm.control(epsilon = 1e-14, maxit = 100)))
  told("stats", sprintf("rival-slope-%g", t), coef(m)[2]); told("stats", sprintf("rival-intercept-%g", t), coef(m)[1])
}
# Several classes
m <- read.csv(file.path(folder, "multiclass.csv"))
p <- as.matrix(m[, 2:4]); colnames(p) <- 0:2
told("pROC", "pairwise-auroc", suppressMessages(as.numeric(pROC::auc(pROC::multiclass.roc(m$outcome, p)))))
said <- max.col(p, ties.method = "first") - 1
k <- psych::cohen.kappa(cbind(m$outcome, said))
told("psych", "kappa", k$kappa); told("psych", "quadratic-kappa", k$weighted.kappa)
told("psych", "kappa-se", sqrt(k$var.kappa))
