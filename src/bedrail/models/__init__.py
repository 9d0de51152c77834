"""The package format, training, import, calibration, uncertainty and prediction of models."""
