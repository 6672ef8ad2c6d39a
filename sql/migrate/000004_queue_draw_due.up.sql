-- Draws that are still to be made: few, and looked for each second.
CREATE INDEX queue_draw_due ON queue_draw (schedule_id) WHERE count IS NULL;
