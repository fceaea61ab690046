-- A client that repeats that its user types is recorded again after ten seconds (docs/wire.md), so that typing_now does not forget who
-- types for longer than 30 seconds. What the column says has changed with that.
COMMENT ON COLUMN typing_indicators.started_at IS 'When the sender last said so: the last start in the log. A client repeats it; each ten seconds or more is recorded.';
COMMENT ON VIEW   typing_now IS 'Who is typing to whom: said so within 30 seconds and not stopped.';
