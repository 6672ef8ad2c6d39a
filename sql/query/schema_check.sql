-- A row for each thing that is missing. $1 tables; $2, $3, $4 unique indexes: table, columns by name, predicate.
SELECT 'table ' || t.name || ' is missing'
FROM unnest($1::text[]) AS t (name)
WHERE to_regclass(t.name) IS NULL
UNION ALL
SELECT 'unique constraint on ' || u.tab || ' (' || u.cols || ')'
    || CASE WHEN u.pred <> '' THEN ' WHERE ' || u.pred ELSE '' END || ' is missing'
FROM unnest($2::text[], $3::text[], $4::text[]) AS u (tab, cols, pred)
WHERE to_regclass(u.tab) IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = to_regclass(u.tab)
      AND i.indisunique AND i.indisvalid AND i.indisready AND i.indimmediate AND i.indexprs IS NULL
      -- NULLS NOT DISTINCT (PostgreSQL 15) would allow one ended reservation a seat.
      AND to_jsonb(i) ->> 'indnullsnotdistinct' IS DISTINCT FROM 'true'
      AND coalesce(pg_get_expr(i.indpred, i.indrelid), '') = u.pred
      AND u.cols = (
        SELECT string_agg(a.attname::text, ',' ORDER BY a.attname::text COLLATE "C")
        FROM generate_series(0, i.indnkeyatts - 1) AS k
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]))
