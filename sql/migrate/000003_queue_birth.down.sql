ALTER TABLE queue_epoch DROP COLUMN birth;
