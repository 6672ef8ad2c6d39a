-- How often a schedule's queue began anew, because Redis had lost or forgotten it. Without a foreign key: numbers that
-- were issued stay issued, whatever becomes of the schedule's row.
CREATE TABLE queue_epoch (
    schedule_id bigint PRIMARY KEY,
    epoch       bigint NOT NULL CHECK (epoch >= 0)
);
