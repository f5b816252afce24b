"""CloudWatch's alarms of a synthesized template, evaluated by CloudWatch's own rules."""
