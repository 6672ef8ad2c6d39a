-- The birth of a queue's life that its epoch was given for: daemons that see the same birth get the same epoch.
ALTER TABLE queue_epoch ADD COLUMN birth bigint;
