-- A migration that stopped half-way leaves its number marked.
SELECT 'schema_migrations: version ' || version || ' is dirty' FROM schema_migrations WHERE dirty LIMIT 1
