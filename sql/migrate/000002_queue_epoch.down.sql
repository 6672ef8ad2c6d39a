DROP TABLE queue_epoch;
