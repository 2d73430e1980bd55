-- Moving encrypted values to another key. {table}, {column}, {key} and the types are put in from
-- `EncryptedColumn`; {encrypted} leaves out what was never encrypted.

-- name: next_values
-- The next values after a key (null: from the beginning), in order of the key: rows are locked in the order in which
-- everybody else who locks several of them does.
SELECT {key}::text, {column} FROM {table}
WHERE {column} IS NOT NULL {encrypted}
  AND (%(after)s::{key_type} IS NULL OR {key} > %(after)s::{key_type})
ORDER BY {key} LIMIT %(limit)s

-- name: write_values
UPDATE {table} SET {column} = given.value
FROM unnest(%(keys)s::{key_type}[], %(values)s::{type}[]) AS given (key, value)
WHERE {table}.{key} = given.key
