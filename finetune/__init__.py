"""The separate worker: telemetry in, next generation out."""
