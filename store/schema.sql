-- The results store. Every row can be had again from the run directories.
-- Times are UTC; sizes bytes; durations seconds; losses nats per target token.

create table runs(
  run_id varchar primary key,
  name varchar,
  plan varchar,
  plan_hash varchar,
  model varchar,
  model_fingerprint varchar,
  recipe varchar,
  recipe_hash varchar,
  data_hash varchar,
  seed integer,
  attempt integer,              -- the last one seen in the logs
  status varchar,               -- last terminal state of that attempt, NULL while it has none
  failure_class varchar,
  device varchar,
  created timestamp,
  started timestamp,            -- of the last attempt
  ended timestamp,              -- of the last attempt
  steps integer,                -- planned optimizer steps, 0 for a reference run
  trainable_params bigint,
  base_params bigint,
  predicted_bytes bigint,
  peak_bytes bigint,            -- this and the next three: of the last finished attempt
  train_seconds double,
  device_seconds double,
  adapter_bytes bigint,
  reference boolean
);

create table run_sites(
  run_id varchar,
  site varchar,
  block integer,
  module varchar,
  layer_type varchar,
  depth double,
  band varchar,
  in_features integer,
  out_features integer,
  base varchar,
  blocksize integer,
  bits double,
  method varchar,
  r integer,
  alpha double,
  scaling double,
  balance integer,
  pool integer,
  dropout double,
  init varchar,
  trainable_params bigint,
  weight_norm double,           -- Frobenius norm of the weight
  quant_error double,           -- relative: norm of (W - stored W) over norm of W
  update_norm double,           -- Frobenius norm of the adapter's change of W
  effective_rank double,
  grad_norm double
);

create table metrics(run_id varchar, attempt integer, step integer, t double, name varchar, value double);

create table evals(
  run_id varchar,
  attempt integer,
  step integer,
  evaluator varchar,
  metric varchar,
  value double,
  n bigint,
  higher_is_better boolean
);

create table studies(study varchar primary key, baseline varchar, metric varchar, created timestamp);

create table study_runs(study varchar, arm varchar, factor varchar, level varchar, seed integer, run_id varchar);

-- The groups of every run's record, and what holds of them: the definition of the newest run that is there.
create table group_definitions(
  run_id varchar, created double, group_name varchar, model_fingerprint varchar, sites varchar[]
);
create table groups(group_name varchar, model_fingerprint varchar, site varchar);

-- `tail` is a digest of the bytes before the offset: a file that has others there is not the one that was read.
create table ingest_cursor(file varchar primary key, "offset" bigint, tail varchar, bad_lines bigint);

-- State changes, and kinds that this version does not know. Steps and evaluations have tables of their own;
-- telemetry stays in the log. `source` is the log the line stands in: 'events' or 'shim'.
create table events(
  run_id varchar, source varchar, attempt integer, seq bigint, t double, kind varchar, body json
);

create table store_format(version integer, fingerprint varchar);
