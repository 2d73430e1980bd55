-- What queue and store were like at a moment; one API process at a time adds a row every few seconds and drops old ones.
-- `dispatched`, `ended` and `failed` count since the row before, and are null where there is none.
CREATE TABLE sample (
    taken_at timestamptz PRIMARY KEY,
    ready integer NOT NULL,
    blocked integer NOT NULL,
    delayed integer NOT NULL,
    running integer NOT NULL,
    workers integer NOT NULL,
    dispatched integer,
    ended integer,
    failed integer,
    storage_total bigint,
    storage_used bigint
);
